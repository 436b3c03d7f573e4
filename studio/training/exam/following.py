"""Does a picture follow the sketch it was given?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

from studio.training.exam.figures import Figure
from studio.training.exam.painting import controlled, paint
from studio.training.pictures import sheet
from studio.training.sketch import agreement, edges, scribble
from studio.training.world import Scene, SceneDataset, draw
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
    """F1 of the edges of painted pictures with those of the sketch, with and without control, and a sheet of
    drawings, sketches, and pictures with and without control."""
    scenes, size = asked_scenes(exam, count), exam.edition.size
    drawn = [draw(scene, size) for scene in scenes]
    prompts = [full_caption(scene) for scene in scenes]
    asked = {"edges": [edges(picture) for picture in drawn], "scribbles": [scribble(picture) for picture in drawn]}
    free = paint(pipeline, prompts, first_seed=50_000)
    both, figures, rows = controlled(pipeline, controlnet), [], [np.stack([np.asarray(item) for item in drawn]), free]
    for kind, lines in asked.items():
        sketches = torch.from_numpy(np.stack(lines))[:, None].float().expand(-1, 3, -1, -1)
        led = paint(both, prompts, first_seed=50_000, sketches=sketches)
        rows += [np.repeat((255 * np.stack(lines).astype(np.uint8))[..., None], 3, -1), led]
        with_control, without = score(led, asked["edges"]), score(free, asked["edges"])
        figures += [
            Figure(f"F1 with the drawing's edges, led by {kind}", with_control, least=0.6),
            Figure(
                f"the same, times the F1 without control ({without:g})", round(with_control / without, 2), least=2.0
            ),
        ]
    shown = min(10, count)
    return figures, sheet(np.concatenate([row[:shown] for row in rows]), shown)


def score(painted: NDArray[np.uint8], asked: list[NDArray[np.bool_]]) -> float:
    """Mean F1 of the pictures' edges (N, H, W, 3) with the lines asked for."""
    reach = round(REACH * painted.shape[1])
    values = [
        agreement(edges(Image.fromarray(picture)), lines, reach) for picture, lines in zip(painted, asked, strict=True)
    ]
    return round(float(np.mean(values)), 3)
