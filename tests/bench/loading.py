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

IMPORTS = """
import json, resource, threading, time, psutil, torch
from concurrent.futures import ThreadPoolExecutor
from diffusers import AutoencoderKL, DiffusionPipeline, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel
import studio.models.loader
"""
"""Of both alike: what is measured is the model."""
BARE = """
def load():
    global pipeline  # or all but its denoiser is gone again
    pipeline = DiffusionPipeline.from_pretrained({folder!r}, local_files_only=True, use_safetensors=True)
    return pipeline.unet
"""
OURS = """
import gc
gc.freeze()  # as the studio does after its imports
from pathlib import Path
from studio.models import device
from studio.models.library import Library
from studio.models.shelf import Shelf
from studio.status import Status
library = Library([Path({folder!r}).parent])
for path in Path({folder!r}).rglob("*.safetensors"):
    library.hashes.compute(path)  # as it is from the second time on
shelf = Shelf(library, device.choose("cpu", "fp32"), Status(), lambda: [], lambda: None)
def load():
    return shelf.get("model").denoiser
"""
MEASURED = """
process = psutil.Process()
before, began = process.memory_info().rss, time.perf_counter()
with ThreadPoolExecutor(1) as pool:  # behind the painting; a thread does not use what the imports let go of
    denoiser = pool.submit(load).result()
taken = [time.perf_counter() - began]
for _ in range(4):
    with torch.no_grad():
        words = torch.zeros(2, 77, denoiser.config.cross_attention_dim)
        denoiser(torch.zeros(2, 4, 32, 32), torch.tensor([5, 5]), words)
    taken.append(time.perf_counter() - began)
held, most = process.memory_info().rss - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
print(json.dumps([taken[0], taken[1], taken[4], held / 2**20, most / 2**20]))
"""
WHAT = (
    "seconds to the model",
    "seconds to one step of 256 px",
    "seconds to four steps",
    "MB held after them",
    "MB at most, pages of mapped files included",
)


def make(folder: Path, width: int = 128) -> int:
    """A Stable Diffusion of the real layout, narrower; how many bytes its weights take."""
    import torch

    from tests.tiny_models import DEEP, stable_diffusion

    torch.manual_seed(0)
    wide = {"block_out_channels": (width, 2 * width, 4 * width, 4 * width), "norm_num_groups": 32}
    stable_diffusion(folder, **(DEEP | wide | {"cross_attention_dim": 768, "attention_head_dim": 8}))
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))


def measured(code: str, folder: Path) -> list[float]:
    """In a fresh process, what WHAT says."""
    program = IMPORTS + code.format(folder=str(folder)) + MEASURED
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
    for index, what in enumerate(WHAT):
        bare, ours = middle["bare"][index], middle["ours"][index]
        print(f"{what}: bare {bare:.2f}, Stepwise {ours:.2f}, ratio {ours / bare:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
