"""ControlNets of the families with transformers: through the seams as the bare pipeline has them, branched, joined."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import AutoPipelineForText2Image, DiffusionPipeline

from studio import GenerationRequest, Studio
from studio.diffusion import noise
from studio.errors import RequestRefused, StudioError
from studio.request import ControlUnit
from tests import tiny_families
from tests.models.families.test_families import StepsTaken, painted, sun

STEPS = 4
MADE: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "flux": (tiny_families.flux, "FluxControlNetModel", {"guidance_scale": 3.5, "true_cfg_scale": 4.0}),
    "sd3": (tiny_families.sd3, "SD3ControlNetModel", {"guidance_scale": 4.0}),
    "qwen": (tiny_families.qwen_image, "QwenImageControlNetModel", {"true_cfg_scale": 4.0}),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controls")
    for name, (make, _, _) in MADE.items():
        make(folder / name)
        tiny_families.control_net(folder / f"{name}-lines", name)
    return folder


def asked(studio: Studio, name: str, control: str = "", **values: Any) -> GenerationRequest:
    unit = ControlUnit(model=control or f"{name}-lines", image=studio.inputs.add(sun()), **values.pop("unit", {}))
    known: dict[str, Any] = {"prompt": "a cat", "negative_prompt": "rain", "seed": 7, "width": 64, "height": 64}
    known |= {"steps": STEPS, "sampler": "Euler", "cfg_scale": 4.0, "reproducible": True, "control": (unit,)}
    return GenerationRequest(model=name, **(known | values))


@pytest.mark.parametrize("name", MADE)
def test_a_control_net_leads_as_in_the_bare_pipeline(studio: Studio, models: Path, name: str) -> None:
    run = painted(studio.submit(asked(studio, name, unit={"weight": 0.8, "end": 0.75})))
    kind: Any = getattr(diffusers, MADE[name][1])
    control = kind.from_pretrained(models / f"{name}-lines")
    whole = DiffusionPipeline.from_pretrained(models / name)
    pipeline = AutoPipelineForText2Image.from_pipe(whole, controlnet=control)
    pipeline.set_progress_bar_config(disable=True)
    drawing = noise.generators(run.request.seeds)
    drawn = noise.starting_noise((16, 8, 8), drawing)
    torch.manual_seed(run.request.seed)
    steps = StepsTaken(pipeline.scheduler)
    pipeline(
        prompt="a cat",
        negative_prompt="rain",
        control_image=sun(),
        controlnet_conditioning_scale=0.8,
        control_guidance_end=0.75,
        width=64,
        height=64,
        num_inference_steps=STEPS,
        generator=drawing,
        latents=drawn if name == "sd3" else pipeline._pack_latents(drawn, *drawn.shape),
        output_type="latent",
        **MADE[name][2],
    )
    assert torch.equal(run.steps[-1].after.latents, steps.last)
    without = painted(studio.submit(asked(studio, name, control=f"{name}-lines", unit={"weight": 0.0})))
    assert not torch.equal(without.steps[-1].latents, run.steps[-1].latents)
    branch = painted(studio.branch(run, 2))
    assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents)


@pytest.mark.parametrize("name", MADE)
def test_two_jobs_share_control_net_and_denoiser(studio: Studio, name: str) -> None:
    alone = [painted(studio.submit(asked(studio, name, seed=seed))) for seed in (1, 2)]
    assert studio.engine is not None
    before = studio.engine.forwards
    together = [studio.submit(asked(studio, name, seed=seed, reproducible=False)) for seed in (1, 2)]
    for one, other in zip(alone, together, strict=True):
        assert torch.allclose(one.steps[-1].latents, painted(other).steps[-1].latents, atol=1e-4)
    calls = 2 if name == "sd3" else 3
    assert studio.engine.forwards - before < 2 * calls * STEPS


def test_from_a_picture_with_flux(studio: Studio) -> None:
    run = painted(studio.submit(asked(studio, "flux", image=studio.inputs.add(sun()), strength=0.5)))
    assert len(run.steps) == 2
    branch = painted(studio.branch(run, 1))
    assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents)


def test_one_for_another_family_is_told(studio: Studio) -> None:
    with pytest.raises(StudioError, match="made for another family"):
        _ = studio.submit(asked(studio, "flux", control="sd3-lines")).result
    with pytest.raises(RequestRefused, match="always 'Balanced'"):
        studio.submit(asked(studio, "flux", unit={"mode": "My prompt is more important"}))


def test_a_model_that_one_control_net_leads_says_so(studio: Studio) -> None:
    request = asked(studio, "qwen")
    with pytest.raises(RequestRefused, match="one ControlNet leads a run: switch the others off"):
        studio.submit(replace(request, control=request.control * 2))
