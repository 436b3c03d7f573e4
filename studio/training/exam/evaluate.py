"""All figures of a shipped model, by one command: ``python -m studio.training evaluate``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

from studio.training import autoencoder
from studio.training.exam import copying, figures, following, obedience, speed
from studio.training.exam.figures import Figure, share
from studio.training.exam.painting import FEW_STEPS, paint
from studio.training.loop import choose_device
from studio.training.material import Material
from studio.training.pictures import sheet
from studio.training.recogniser import Recogniser
from studio.training.world.captions import full_caption

FEW_STEPS_LOSS = 10.0
"""Points of recognised things that painting in 4 steps may cost."""


def evaluate(model: Path, judge: Recogniser, exam: Material, training: Material, folder: Path) -> list[Figure]:
    """Figures of the pipeline in ``model``, with its ControlNet and few-step edition where it has them, on the
    exam's held-out scenes; ``folder`` gets sheets to look at and figures.json, as they come: the whole takes an
    hour or more on a CPU."""
    device, edition = choose_device(), exam.scenes.edition
    pipeline = StableDiffusionPipeline.from_pretrained(model, dtype=torch.float32).to(device)
    pipeline.set_progress_bar_config(disable=True)
    judge.to(device)
    scenes = exam.told()
    prompts = [full_caption(scene) for scene in scenes]
    painted = paint(pipeline, prompts, first_seed=10_000)
    _save(painted[:64], 8, folder / "samples.png")
    with torch.no_grad():
        decibels = autoencoder.psnr(pipeline.vae, exam.pictures[:200], device)
    parts: list[Callable[[], list[Figure]]] = [
        lambda: [Figure("autoencoder on held-out scenes", round(decibels, 2), "dB", least=30.0)],
        lambda: obedience.judged(judge, exam.pictures, scenes, edition),
        lambda: obedience.recognised(judge, painted, scenes, edition),
        lambda: obedience.removed(pipeline, judge, edition, max(len(scenes) // 4, 8)),
        lambda: copying.copied(painted, exam.pictures, training.pictures),
        lambda: copying.varied(pipeline, prompts[: max(len(prompts) // 4, 8)], painted),
        lambda: _control(pipeline, model / "controlnet", exam, folder),
        lambda: _few_steps(pipeline, model / "few-steps", judge, exam, painted, folder),
        lambda: speed.apart(model),
    ]
    found: list[Figure] = []
    for part in parts:
        found += part()
        figures.write(found, folder / "figures.json")
    return found


def _control(pipeline: StableDiffusionPipeline, controlnet: Path, exam: Material, folder: Path) -> list[Figure]:
    if not controlnet.exists():
        return []
    loaded = ControlNetModel.from_pretrained(controlnet, torch_dtype=torch.float32)
    found, looked_at = following.followed(pipeline, loaded, exam.scenes, max(exam.count // 4, 8))
    Image.fromarray(looked_at).save(folder / "control.png")
    return found


def _few_steps(
    pipeline: StableDiffusionPipeline,
    lora: Path,
    judge: Recogniser,
    exam: Material,
    painted: NDArray[np.uint8],
    folder: Path,
) -> list[Figure]:
    """What painting in 4 steps costs: points of recognised things lost to the usual number of steps."""
    if not lora.exists():
        return []
    pipeline.load_lora_weights(lora)
    scenes = exam.told()
    quick = paint(pipeline, [full_caption(scene) for scene in scenes], first_seed=10_000, asked=FEW_STEPS)
    pipeline.unload_lora_weights()
    _save(quick[:64], 8, folder / "few-steps.png")
    found = obedience.recognised(judge, quick, scenes, exam.scenes.edition, "in 4 steps")
    full = obedience.recognised(judge, painted, scenes, exam.scenes.edition)
    loss = round(full[0].value - found[0].value, 1)
    return [share(figure.name, figure.value / 100) for figure in found] + [
        Figure("things lost by painting in 4 steps", loss, "points", most=FEW_STEPS_LOSS)
    ]


def _save(pixels: NDArray[np.uint8], columns: int, path: Path) -> None:
    Image.fromarray(sheet(pixels, min(columns, len(pixels)))).save(path)
