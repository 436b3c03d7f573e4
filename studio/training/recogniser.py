"""An independent judge: a small network that reads thing, place, time and weather from pixels.

It is trained on rendered pictures of the world only, never on generated ones.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from studio.training.loop import Loop, Plan, autocast, choose_device
from studio.training.pictures import to_tensor
from studio.training.world import Scene
from studio.training.world.vocabulary import PLACES, THINGS, TIMES, WEATHERS

BATCH = 64
SIDE = 64
ASPECTS: dict[str, tuple[str, ...]] = {
    "thing": tuple(item.name for item in THINGS),
    "place": tuple(item.name for item in PLACES),
    "time": tuple(item.name for item in TIMES),
    "weather": tuple(item.name for item in WEATHERS),
}


class Recogniser(nn.Module):
    """Six convolutions over a 64 px picture and one linear head for each aspect."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 64, 96, 128, 192)
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(pairwise(widths)):
            stride = 1 if index == 0 else 2
            layers += [nn.Conv2d(before, after, 3, stride, 1), nn.GroupNorm(8, after), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2))
        size = widths[-1] * (SIDE // 16) ** 2
        self.heads = nn.ModuleDict({name: nn.Linear(size, len(names)) for name, names in ASPECTS.items()})

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Scores (N, classes) for each aspect of pictures (N, 3, H, W) from -1 to 1."""
        seen = self.body(functional.interpolate(pictures, size=(SIDE, SIDE), mode="area"))
        return {name: head(seen) for name, head in self.heads.items()}


def labels(scenes: list[Scene]) -> dict[str, Tensor]:
    """Class numbers (N,) for each aspect."""
    return {
        name: torch.tensor([names.index(getattr(scene, name)) for scene in scenes]) for name, names in ASPECTS.items()
    }


def read(recogniser: Recogniser, pixels: NDArray[np.uint8]) -> dict[str, Tensor]:
    """The class numbers (N,) it reads from pictures (N, H, W, 3)."""
    device = next(recogniser.parameters()).device
    parts: dict[str, list[Tensor]] = {name: [] for name in ASPECTS}
    with torch.no_grad():
        for first in range(0, len(pixels), BATCH):
            for name, scores in recogniser(to_tensor(pixels[first : first + BATCH], device)).items():
                parts[name].append(scores.argmax(1).cpu())
    return {name: torch.cat(found) for name, found in parts.items()}


def accuracy(found: dict[str, Tensor], right: dict[str, Tensor]) -> dict[str, float]:
    """The share of right readings for each aspect."""
    return {name: float((found[name] == right[name]).float().mean()) for name in ASPECTS}


def train(pixels: NDArray[np.uint8], scenes: list[Scene], folder: Path, minutes: float) -> Recogniser:
    """Train on rendered pictures, shifted and dimmed a little so that it reads shapes."""
    device = choose_device()
    recogniser = Recogniser().to(device).to(memory_format=torch.channels_last)
    right = {name: values.to(device) for name, values in labels(scenes).items()}
    loop = Loop(recogniser, Plan(folder, "recogniser", minutes, learning_rate=2e-3, weight_decay=0.05))
    random = np.random.default_rng()

    def batch_loss() -> tuple[Tensor, int]:
        picks = random.integers(len(pixels), size=BATCH)
        down, across = random.integers(-4, 5, size=2)
        batch = to_tensor(np.roll(pixels[picks], (int(down), int(across)), (1, 2)), device)
        batch = batch * random.uniform(0.8, 1.0) + 0.05 * torch.randn_like(batch)
        with autocast(device):
            scores = recogniser(batch)
        losses = [functional.cross_entropy(scores[name].float(), right[name][picks]) for name in ASPECTS]
        return torch.stack(losses).sum(), BATCH

    loop.run(batch_loss, lambda: None)
    recogniser.load_state_dict(loop.average)
    return recogniser.eval()
