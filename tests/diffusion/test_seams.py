"""Through the seams a pipeline makes what the bare diffusers pipeline makes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from studio import GenerationRequest, Studio
from studio.diffusion import noise, samplers
from studio.presets import SAMPLERS, schedules_of

STEPS = 6


def bare(folder: Path, request: GenerationRequest) -> Tensor:
    """The latents of the plain pipeline, called as its documentation says."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = samplers.build(request, pipeline.scheduler.config)
    sources = noise.generators(request.seeds)
    shape = (pipeline.unet.config.in_channels, request.height // 8, request.width // 8)
    latents: Tensor = pipeline(
        [request.prompt] * request.batch_size,
        negative_prompt=[request.negative_prompt] * request.batch_size,
        num_inference_steps=request.steps,
        guidance_scale=request.cfg_scale,
        height=request.height,
        width=request.width,
        generator=sources,
        latents=noise.starting_noise(shape, sources),
        output_type="latent",
    ).images
    return latents


def asked(
    sampler: str, schedule: str = "Automatic", model: str = "tiny-epsilon", **values: object
) -> GenerationRequest:
    known = {"prompt": "a cat on a street", "negative_prompt": "rain", "seed": 7, "width": 64, "height": 64}
    options = known | {"steps": STEPS} | values
    return GenerationRequest(model=model, sampler=sampler, schedule=schedule, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["tiny-epsilon", "tiny-v"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_is_identical_to_the_bare_pipeline(
    studio: Studio, models: Path, sampler: str, model: str
) -> None:
    request = asked(sampler, model=model)
    run = studio.submit(request)
    assert run.result.paths
    assert torch.equal(run.steps[-1].latents, bare(models / model, request))


@pytest.mark.parametrize("schedule", schedules_of("Euler"))
@pytest.mark.parametrize("sampler", ["Euler a", "Heun", "DPM++ 2M"])
def test_every_schedule_is_identical_to_the_bare_pipeline(
    studio: Studio, models: Path, sampler: str, schedule: str
) -> None:
    request = asked(sampler, schedule)
    run = studio.submit(request)
    assert run.result.paths
    assert torch.equal(run.steps[-1].latents, bare(models / "tiny-epsilon", request))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_batch_holds_the_pictures_of_its_seeds(studio: Studio, sampler: str) -> None:
    together = studio.submit(asked(sampler, batch_size=2, seed=20))
    second = studio.submit(asked(sampler, seed=21, reproducible=True))
    assert together.result.paths
    assert second.result.paths
    assert torch.allclose(together.steps[-1].latents[1:], second.steps[-1].latents, atol=1e-3)


def test_a_model_is_given_back_as_it_was(models: Path) -> None:
    from studio.models import device
    from studio.models.library import Source
    from studio.models.loader import load

    model = load(Source(models / "tiny-v"), "tiny-v", device.choose("cpu", "fp32"))
    assert "forward" in vars(model.denoiser)
    model.close()
    assert "forward" not in vars(model.denoiser)
