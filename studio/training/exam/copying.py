"""Does the model copy its training pictures, and do two seeds of a prompt differ?

Pictures are compared at 32 x 32 px by the root mean square of their difference, in shares of full scale.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from studio.training.exam.figures import Figure, share
from studio.training.exam.painting import paint
from studio.training.loop import choose_device
from studio.training.pictures import to_tensor

SIDE = 32
VISIBLE = 0.05
"""From this distance on two seeds' pictures differ plainly to the eye."""


def shrunk(pixels: NDArray[np.uint8]) -> Tensor:
    """Pictures (N, H, W, 3) as rows (N, 3072) from 0 to 1."""
    device, parts = choose_device(), []
    for first in range(0, len(pixels), 500):
        pictures = to_tensor(pixels[first : first + 500], device)
        parts.append(functional.interpolate(pictures, size=(SIDE, SIDE), mode="area").flatten(1).cpu())
    return torch.cat(parts).add(1).div(2)


def nearest(rows: Tensor, among: Tensor) -> Tensor:
    """The distance (N,) of each row to the nearest one of the others."""
    device = choose_device()
    among, least = among.to(device), []
    for part in rows.to(device).split(64):
        squares = part.square().sum(1)[:, None] + among.square().sum(1)[None] - 2 * part @ among.T
        least.append(squares.amin(1).clamp(min=0).div(rows.shape[1]).sqrt().cpu())
    return torch.cat(least)


def copied(painted: NDArray[np.uint8], rendered: NDArray[np.uint8], trained_on: NDArray[np.uint8]) -> list[Figure]:
    """How far painted pictures are from the training pictures. The threshold is half the median distance that
    fresh held-out renderings have from them: a copy would be far nearer. Some of those renderings are as near, since
    bare and dark scenes are alike; how many are not is what no model could do better than."""
    known = shrunk(trained_on)
    apart, fresh = nearest(shrunk(painted), known), nearest(shrunk(rendered), known)
    threshold = 0.5 * float(fresh.median())
    return [
        share(
            f"no copy (nearest training picture farther than {threshold:.3f})",
            float((apart > threshold).float().mean()),
            99.0,
        ),
        share("the same of fresh renderings, which copy nothing", float((fresh > threshold).float().mean())),
    ]


def varied(pipeline: StableDiffusionPipeline, prompts: list[str], painted: NDArray[np.uint8]) -> list[Figure]:
    """How far a second seed's pictures are from the first one's."""
    again = shrunk(paint(pipeline, prompts, first_seed=60_000))
    distance = (again - shrunk(painted[: len(prompts)])).square().mean(1).sqrt()
    return [
        Figure("distance of two seeds of one prompt, median", round(float(distance.median()), 3)),
        share(f"two seeds differ by more than {VISIBLE:g}", float((distance > VISIBLE).float().mean()), 99.0),
    ]
