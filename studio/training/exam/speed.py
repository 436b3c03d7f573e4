"""How fast the shipped model is, and how much memory it takes: ``python -m studio.training.exam.speed FOLDER``.

It runs in a process of its own, with nothing else loaded, and prints its figures as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median

import torch
from diffusers import StableDiffusionPipeline

from studio.diffusion import samplers
from studio.models import keeping
from studio.models.device import choose
from studio.training.exam.figures import Figure
from studio.training.exam.painting import FEW_STEPS

TIMES = 15


def milliseconds(act: Callable[[], object]) -> float:
    """The median time of a call, after two to warm up."""
    spent = []
    for _ in range(TIMES + 2):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        begun = time.perf_counter()
        act()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        spent.append(1000 * (time.perf_counter() - begun))
    return median(spent[2:])


def measure(folder: Path) -> list[Figure]:
    """Figures of the pipeline in ``folder``, by itself, with a denoiser as the studio prepares it."""
    placement = choose()
    device, dtype = placement.device, placement.dtype
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=dtype).to(device)
    pipeline.set_progress_bar_config(disable=True)
    keeping.prepare(pipeline.unet, placement)
    side = pipeline.unet.config.sample_size
    noisy = torch.randn(2, pipeline.unet.config.in_channels, side, side, device=device, dtype=dtype)
    words = torch.randn(2, pipeline.tokenizer.model_max_length, pipeline.text_encoder.config.hidden_size)
    words, left = words.to(device, dtype), torch.randn(2048, 2048, device=device)
    pipeline.scheduler = samplers.build(FEW_STEPS, pipeline.scheduler.config)
    with torch.no_grad():
        product = milliseconds(lambda: left @ left)
        step = milliseconds(lambda: pipeline.unet(noisy, 500, words))
        four = milliseconds(lambda: pipeline("a cat on a beach", num_inference_steps=4, guidance_scale=1.0))
    where = f"{placement}, {torch.get_num_threads()} threads"
    return [
        Figure(f"one CFG step ({where})", round(step, 1), "ms", most=150.0),
        Figure("the same, in products of two 2048 x 2048 fp32 matrices", round(step / product, 2)),
        Figure("a picture of 4 steps, from prompt to pixels", round(four / 1000, 3), "s", most=1.0),
        *most_memory(),
    ]


def most_memory() -> list[Figure]:
    """The most main memory this process has held. Asked of the kernel by name: what ``getrusage`` says of a
    fresh process counts its parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return []
    kib = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return [Figure("memory of the process", round(kib * 1024 / 1e9, 2), "GB", most=1.5)]


def apart(folder: Path) -> list[Figure]:
    """The same, measured in a fresh process."""
    command = [sys.executable, "-m", __name__, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Figure(**row) for row in json.loads(done.stdout.splitlines()[-1])]


if __name__ == "__main__":
    print(json.dumps([asdict(figure) for figure in measure(Path(sys.argv[1]))]))
