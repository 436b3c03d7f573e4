"""Loading a model: time and memory beside the bare diffusers call, each in a process of its own, by turns.

python -m tests.bench.loading [rounds]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BARE = """
from diffusers import DiffusionPipeline
def load(): return DiffusionPipeline.from_pretrained({folder!r}, local_files_only=True, use_safetensors=True)
"""
OURS = """
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from studio.models import device, memory
from studio.models.library import Source
from studio.models.loader import load as read
from studio.models.reading import read_through
from studio.models.weights import files, weigh
def load():
    source = Source(Path({folder!r}))
    with ThreadPoolExecutor(1) as reading:
        digests = reading.submit(read_through, files(source), lambda *_: None, threading.Event())
        plan = memory.choose(weigh(source), "cpu", "fp32", 2**62)
        return read(source, "model", device.choose("cpu", "fp32"), plan, digests.result)
"""
MEASURED = """
import json, resource, time, psutil
before, began = psutil.Process().memory_info().rss, time.perf_counter()
model = load()
took = time.perf_counter() - began
held, most = psutil.Process().memory_info().rss - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([took, held / 2**20, (most - before) / 2**20]))
"""


def make(folder: Path, width: int = 128) -> int:
    """A Stable Diffusion of the real layout, narrower; how many bytes its weights take."""
    import torch

    from tests.tiny_models import DEEP, stable_diffusion

    torch.manual_seed(0)
    wide = {"block_out_channels": (width, 2 * width, 4 * width, 4 * width), "norm_num_groups": 32}
    stable_diffusion(folder, **(DEEP | wide | {"cross_attention_dim": 768, "attention_head_dim": 8}))
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))


def measured(code: str, folder: Path) -> list[float]:
    """Seconds, megabytes held after, megabytes at most, in a fresh process."""
    program = code.format(folder=str(folder)) + MEASURED
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "model"
        print(f"{make(folder) / 2**20:.0f} MB of weights, {rounds} rounds, medians")
        taken: dict[str, list[list[float]]] = {"bare": [], "ours": []}
        for _ in range(rounds):
            for name, code in (("bare", BARE), ("ours", OURS)):
                taken[name].append(measured(code, folder))
    middle = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in taken.items()}
    for index, what in enumerate(("seconds", "MB held after", "MB at most")):
        bare, ours = middle["bare"][index], middle["ours"][index]
        print(f"{what}: bare {bare:.2f}, Stepwise {ours:.2f}, ratio {ours / bare:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
