"""diffusers' own pipelines, called as their documentation says, to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
from diffusers import ControlNetModel, DiffusionPipeline
from torch import Tensor

from studio import GenerationRequest
from studio.diffusion import noise, samplers


def bare(models: Path, request: GenerationRequest, kind: str, **given: Any) -> Tensor:
    """The latents of a plain pipeline of diffusers, called as its documentation says."""
    controls = [ControlNetModel.from_pretrained(models / unit.model) for unit in request.control]
    whole = DiffusionPipeline.from_pretrained(models / request.model, safety_checker=None)
    options = {"controlnet": controls[0] if len(controls) == 1 else controls} if controls else {}
    components = {name: part for name, part in whole.components.items() if part is not None or "XL" not in kind}
    if "XL" not in kind:
        options["requires_safety_checker"] = False
    pipeline = getattr(diffusers, f"{kind}Pipeline")(**(components | options))
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = samplers.build(request, pipeline.scheduler.config)
    latents: Tensor = pipeline(
        request.prompt,
        negative_prompt=request.negative_prompt,
        num_inference_steps=request.steps,
        guidance_scale=request.cfg_scale,
        generator=noise.generators(request.seeds),
        output_type="latent",
        **given,
    ).images
    return latents
