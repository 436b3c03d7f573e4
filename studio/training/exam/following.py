"""Does a picture follow the sketch it was given?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from studio.training.exam.figures import Figure
from studio.training.exam.painting import controlled, paint
from studio.training.pictures import sheet
from studio.training.sketch import agreement, edges, scribble
from studio.training.world import Scene, SceneDataset, draw, grammar
from studio.training.world.captions import full_caption

REACH = 2 / 128
"""How far a line may be from the one asked for, as a share of the picture's width."""


def asked_scenes(exam: SceneDataset, count: int) -> list[Scene]:
    """Held-out scenes in clear weather and the flat style: rain and rendering have edges of their own."""
    found: list[Scene] = []
    index = 0
    while len(found) < count:
        scene = exam.scene(index)
        index += 1
        if scene.style == "flat":
            found.append(replace(scene, weather="clear"))
    return found


def followed(
    pipeline: StableDiffusionPipeline, controlnet: ControlNetModel, exam: SceneDataset, count: int
) -> tuple[list[Figure], NDArray[np.uint8]]:
    """F1 of the edges of painted pictures with those of a drawing, with and without control, and a sheet of
    drawings, sketches, and pictures with and without control.

    It is asked twice: with the full prompt, which by itself brings back much of the place's lines, and with one
    that names the thing alone, as a person says who draws the rest.
    """
    scenes, size = asked_scenes(exam, count), exam.edition.size
    drawn = [draw(scene, size) for scene in scenes]
    thin, thick = [edges(picture) for picture in drawn], [scribble(picture) for picture in drawn]
    prompts = {
        "full prompt": [full_caption(scene) for scene in scenes],
        "the thing alone": [grammar.subject(scene, None) for scene in scenes],
    }
    both = controlled(pipeline, controlnet)
    figures, rows = [], [np.stack([np.asarray(item) for item in drawn])]
    for name, told in prompts.items():
        free = paint(pipeline, told, first_seed=50_000)
        without = score(free, thin)
        figures.append(Figure(f"F1 without control ({name})", without))
        rows.append(free)
        for kind, lines in (("edges", thin), ("scribbles", thick)):
            led = paint(both, told, first_seed=50_000, sketches=as_sketches(lines))
            with_control = score(led, thin)
            figures += [
                Figure(f"F1 led by {kind} ({name})", with_control, least=0.6),
                Figure("the same, as a multiple of that without", round(with_control / without, 2), least=2.0),
            ]
            rows += [np.repeat((255 * np.stack(lines).astype(np.uint8))[..., None], 3, -1), led]
    shown = min(10, count)
    return figures, sheet(np.concatenate([row[:shown] for row in rows]), shown)


def as_sketches(lines: list[NDArray[np.bool_]]) -> Tensor:
    """Lines (H, W) as the ControlNet takes them, (N, 3, H, W) of 0 and 1."""
    return torch.from_numpy(np.stack(lines))[:, None].float().expand(-1, 3, -1, -1)


def score(painted: NDArray[np.uint8], asked: list[NDArray[np.bool_]]) -> float:
    """Mean F1 of the pictures' edges (N, H, W, 3) with the lines asked for."""
    reach = round(REACH * painted.shape[1])
    values = [
        agreement(edges(Image.fromarray(picture)), lines, reach) for picture, lines in zip(painted, asked, strict=True)
    ]
    return round(float(np.mean(values)), 3)
