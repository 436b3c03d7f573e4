"""Pictures painted for the exam, as the page would paint them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from studio import GenerationRequest
from studio.diffusion import noise, samplers
from studio.few_steps import in_few_steps
from studio.training.loop import autocast, batch_size, choose_device

TOGETHER = 16
ASKED = GenerationRequest()
"""Sampler, schedule, steps and CFG scale of the exam: those the page starts with."""
FEW_STEPS = in_few_steps(ASKED)


def paint(
    pipeline: StableDiffusionPipeline,
    prompts: list[str],
    first_seed: int,
    asked: GenerationRequest = ASKED,
    negative: list[str] | None = None,
    sketches: Tensor | None = None,
) -> NDArray[np.uint8]:
    """One picture (H, W, 3) for each prompt, with seeds counted up from ``first_seed``. A ControlNet
    pipeline wants ``sketches`` (N, 3, H, W) of 0 and 1."""
    device, made = choose_device(), []
    shape = (pipeline.unet.config.in_channels, *[pipeline.unet.config.sample_size] * 2)
    own, together = pipeline.scheduler, batch_size(TOGETHER, device)
    for first in tqdm(range(0, len(prompts), together), desc="painting", leave=False):
        part = slice(first, first + together)
        request = replace(asked, seed=first_seed + first, batch_size=len(prompts[part]))
        pipeline.scheduler = samplers.build(request, own.config)
        sources = noise.generators(request.seeds)
        further: dict[str, Any] = {"negative_prompt": negative[part]} if negative else {}
        further |= {"image": sketches[part].to(device)} if sketches is not None else {}
        with autocast(device), torch.no_grad():
            made += pipeline(
                prompts[part],
                num_inference_steps=request.steps,
                guidance_scale=request.cfg_scale,
                generator=sources,
                latents=noise.starting_noise(shape, sources).to(device),
                **further,
            ).images
    pipeline.scheduler = own
    return np.stack([np.asarray(picture) for picture in made])


def controlled(pipeline: StableDiffusionPipeline, controlnet: ControlNetModel) -> StableDiffusionControlNetPipeline:
    """The same parts with a ControlNet beside them."""
    both = StableDiffusionControlNetPipeline(
        **pipeline.components, controlnet=controlnet, requires_safety_checker=False
    )
    both.set_progress_bar_config(disable=True)
    return both.to(choose_device())
