"""The exam: what the model paints for held-out prompts, read by the recogniser."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

from studio import GenerationRequest
from studio.diffusion import noise, samplers
from studio.training import autoencoder, recogniser
from studio.training.loop import autocast, choose_device
from studio.training.pictures import sheet
from studio.training.world import SceneDataset
from studio.training.world.captions import full_caption

TOGETHER = 16
ASKED = GenerationRequest()
"""Sampler, schedule, steps and CFG scale of the exam: those the page starts with."""


def paint(pipeline: StableDiffusionPipeline, prompts: list[str], first_seed: int) -> NDArray[np.uint8]:
    """One picture (H, W, 3) for each prompt, with seeds counted up from ``first_seed``."""
    device, made = choose_device(), []
    channels, side = pipeline.unet.config.in_channels, pipeline.unet.config.sample_size
    trained_as = pipeline.scheduler.config
    for first in range(0, len(prompts), TOGETHER):
        texts = prompts[first : first + TOGETHER]
        request = replace(ASKED, seed=first_seed + first, batch_size=len(texts))
        pipeline.scheduler = samplers.build(request, trained_as)
        sources = noise.generators(request.seeds)
        with autocast(device):
            made += pipeline(
                texts,
                num_inference_steps=request.steps,
                guidance_scale=request.cfg_scale,
                generator=sources,
                latents=noise.starting_noise((channels, side, side), sources).to(device),
            ).images
    return np.stack([np.asarray(picture) for picture in made])


def evaluate(
    pipeline: StableDiffusionPipeline,
    judge: recogniser.Recogniser,
    exam: SceneDataset,
    exam_pixels: NDArray[np.uint8],
    count: int,
    folder: Path,
) -> dict[str, object]:
    """Figures of the model on ``count`` held-out scenes, and of its judge; with sheets to look at."""
    device = choose_device()
    pipeline.to(device).set_progress_bar_config(disable=True)
    judge.to(device)
    scenes = [exam.scene(index) for index in range(count)]
    prompts = [full_caption(scene) for scene in scenes]
    painted = paint(pipeline, prompts, first_seed=10_000)
    right = recogniser.labels(scenes)
    rendered = [exam.scene(index) for index in range(len(exam_pixels))]
    with torch.no_grad():
        decibels = autoencoder.psnr(pipeline.vae, exam_pixels[:200], device)
    figures: dict[str, object] = {
        "pictures": count,
        "autoencoder_psnr_db": round(decibels, 2),
        "judge_on_held_out_renderings": recogniser.accuracy(
            recogniser.read(judge, exam_pixels), recogniser.labels(rendered)
        ),
        "recognised": recogniser.accuracy(recogniser.read(judge, painted), right),
    }
    Image.fromarray(sheet(painted[:64], 8)).save(folder / "samples.png")
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures
