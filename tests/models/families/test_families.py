"""Every family, with random weights in its real layout, written to disk and loaded by the real code: through the
seams as the bare pipeline has it, to the bit; branched from the middle; joined; from a picture; masked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoPipelineForImage2Image, ChromaImg2ImgPipeline, DiffusionPipeline
from PIL import Image, ImageDraw
from torch import Tensor

from studio import GenerationRequest, Run, Settings, Studio
from studio.diffusion import noise
from studio.errors import RequestRefused
from studio.presets import FLOW_SAMPLERS, SAMPLERS
from studio.request import Inpaint
from tests import tiny_families

STEPS = 5


@dataclass(frozen=True)
class Case:
    """One tiny model, and how its documentation would have it called."""

    make: Callable[[Path], None]
    cfg_scale: float = 4.0
    told: dict[str, Any] = field(default_factory=dict)
    """Arguments of the bare pipeline beside prompts, steps and seeds."""
    latents: tuple[int, ...] = (16, 8, 8)
    """Of a picture of 64 by 64 pixels."""
    calls: int = 1
    """Model calls a step."""
    negative: bool = True
    """Whether it takes a negative prompt."""
    from_picture: Any = AutoPipelineForImage2Image
    """Its image-to-image pipeline; None where diffusers has none."""
    edits: bool = False
    """Whether it looks at a picture instead of starting from it."""


CASES = {
    "sd3": Case(tiny_families.sd3, told={"guidance_scale": 4.0}),
    "flux-dev": Case(tiny_families.flux, 1.0, {"guidance_scale": 3.5, "true_cfg_scale": 1.0}),
    "flux-dev-cfg": Case(tiny_families.flux, 4.0, {"guidance_scale": 3.5, "true_cfg_scale": 4.0}, calls=2),
    "flux-schnell": Case(lambda folder: tiny_families.flux(folder, told=False), 1.0),
    "chroma": Case(tiny_families.chroma, told={"guidance_scale": 4.0}, calls=2, from_picture=ChromaImg2ImgPipeline),
    "flux2-klein": Case(tiny_families.flux2, 1.0, {"guidance_scale": 1.0}, (64, 4, 4), negative=False, edits=True),
    "flux2-klein-base": Case(
        lambda folder: tiny_families.flux2(folder, distilled=False),
        told={"guidance_scale": 4.0},
        latents=(64, 4, 4),
        calls=2,
        negative=False,
        edits=True,
    ),
    "z-image": Case(tiny_families.z_image, told={"guidance_scale": 3.0}),
    "z-image-turbo": Case(tiny_families.z_image, 1.0, {"guidance_scale": 0.0}),
}
FROM_PICTURES = [name for name, case in CASES.items() if case.from_picture and not case.edits]
EDITING = [name for name, case in CASES.items() if case.edits]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("families")
    for name, case in CASES.items():
        case.make(folder / name)
    return folder


@pytest.fixture(scope="module")
def studio(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    outputs = tmp_path_factory.mktemp("outputs")
    with Studio(Settings(outputs=outputs, models=(models,), device="cpu", precision="fp32")) as made:
        made.library.rescan()
        yield made


def asked(name: str, **values: Any) -> GenerationRequest:
    known: dict[str, Any] = {"prompt": "a cat", "negative_prompt": "rain", "seed": 7, "width": 64, "height": 64}
    known |= {"steps": STEPS, "sampler": "Euler", "cfg_scale": CASES[name].cfg_scale, "strength": 0.7}
    return GenerationRequest(model=name, reproducible=True, **(known | values))


def painted(run: Run) -> Run:
    assert run.result.paths
    return run


def bare(models: Path, request: GenerationRequest, **given: Any) -> Tensor:
    """What the last step of diffusers' own pipeline makes, called as its documentation says."""
    case = CASES[request.model]
    pipeline = DiffusionPipeline.from_pretrained(models / request.model)
    pipeline.set_progress_bar_config(disable=True)
    if "strength" in given:
        pipeline = case.from_picture.from_pipe(pipeline)
    given |= {"width": request.width, "height": request.height}
    given |= {"negative_prompt": request.negative_prompt} if case.negative else {}
    steps = StepsTaken(pipeline.scheduler)
    pipeline(
        prompt=request.prompt,
        num_inference_steps=request.steps,
        generator=noise.generators(request.seeds),
        output_type="latent",
        **case.told,
        **given,
    )
    return steps.last


class StepsTaken:
    """Remembers what a scheduler's last step made."""

    def __init__(self, scheduler: Any) -> None:
        step = scheduler.step

        @functools.wraps(step)
        def watched(*arguments: Any, **options: Any) -> Any:
            result = step(*arguments, **options)
            self.last: Tensor = result[0]
            return result

        scheduler.step = watched


def branches_agree(studio: Studio, run: Run) -> None:
    for at in (1, 3):
        branch = painted(studio.branch(run, at))
        assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents), f"from step {at}"


@pytest.mark.parametrize("name", CASES)
def test_through_the_seams_it_is_the_bare_pipeline_and_branches(studio: Studio, models: Path, name: str) -> None:
    run = painted(studio.submit(asked(name)))
    assert torch.equal(run.steps[-1].after.latents, bare(models, run.request))
    assert len(run.steps) == STEPS
    assert run.steps[0].sigma == pytest.approx(1.0)
    assert run.steps[0].noisy.shape == run.steps[0].denoised.shape == (1, *CASES[name].latents)
    assert all(step.preview for step in run.steps)
    assert (run.steps[0].guidance is not None) == (CASES[name].cfg_scale > 1)
    branches_agree(studio, run)


@pytest.mark.parametrize("name", CASES)
def test_two_jobs_in_one_batch_are_what_they_are_alone(studio: Studio, name: str) -> None:
    requests = [asked(name, prompt=words, seed=seed, steps=4 + seed) for seed, words in enumerate(("a cat", "a dog"))]
    alone = [painted(studio.submit(request)) for request in requests]
    assert studio.engine is not None
    before = studio.engine.forwards
    together = [studio.submit(GenerationRequest(**(fields(request) | {"reproducible": False}))) for request in requests]
    for one, other in zip(alone, together, strict=True):
        painted(other)
        assert torch.allclose(one.steps[-1].latents, other.steps[-1].latents, atol=1e-4)
    assert studio.engine.forwards - before < CASES[name].calls * sum(request.steps for request in requests)


def fields(request: GenerationRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in request.__slots__}


def sun() -> Image.Image:
    picture = Image.new("RGB", (64, 64), "#204060")
    ImageDraw.Draw(picture).ellipse((12, 20, 50, 58), fill="#f0a84b")
    return picture


@pytest.mark.parametrize("name", EDITING)
def test_a_model_that_edits_looks_at_the_picture_and_starts_from_noise(studio: Studio, models: Path, name: str) -> None:
    run = painted(studio.submit(asked(name, image=studio.inputs.add(sun()))))
    assert torch.equal(run.steps[-1].after.latents, bare(models, run.request, image=sun()))
    assert len(run.steps) == STEPS
    assert run.request.strength == 1
    assert run.began_from is None
    branches_agree(studio, run)


@pytest.mark.parametrize("name", FROM_PICTURES)
def test_image_to_image(studio: Studio, models: Path, name: str) -> None:
    picture = sun()
    run = painted(studio.submit(asked(name, image=studio.inputs.add(picture))))
    given = {"image": picture, "strength": 0.6 - 1e-6}
    assert torch.equal(run.steps[-1].after.latents, bare(models, run.request, **given))
    assert len(run.steps) == 3
    assert run.began_from is not None
    assert all(frame.preview for frame in run.began_from.steps)
    branches_agree_from(studio, run)


def branches_agree_from(studio: Studio, run: Run) -> None:
    branch = painted(studio.branch(run, 2))
    assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents)


@pytest.mark.parametrize("name", [*FROM_PICTURES, *EDITING])
def test_what_is_outside_the_mask_stays(studio: Studio, name: str) -> None:
    picture = Image.new("RGB", (64, 64), "#204060")
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (16, 16, 48, 48))
    inpaint = Inpaint(mask=studio.inputs.add(mask), blur=0)
    run = painted(studio.submit(asked(name, image=studio.inputs.add(picture), inpaint=inpaint, strength=1.0)))
    made = Image.open(run.result.paths[0])
    outside = [made.getpixel(at) for at in ((2, 2), (60, 60), (10, 40))]
    assert outside == [(0x20, 0x40, 0x60)] * 3
    family = studio.engine.model(name).family  # type: ignore[union-attr]
    clean = family.encode(torch.full((1, 3, 64, 64), 0.0))
    assert clean.shape == (1, *CASES[name].latents)


SOLVERS = [
    (sampler, schedule)
    for sampler in FLOW_SAMPLERS
    for schedule in ("Automatic", "Karras", "Simple", "Beta")
    if schedule in SAMPLERS[sampler].schedules
]


@pytest.mark.parametrize(("sampler", "schedule"), SOLVERS)
def test_every_sampler_of_flow_models_ends_in_a_picture(studio: Studio, sampler: str, schedule: str) -> None:
    run = painted(studio.submit(asked("flux-dev", sampler=sampler, schedule=schedule)))
    levels = [step.sigma for step in run.steps]
    assert levels == sorted(levels, reverse=True)
    assert 0.9 < levels[0] <= 1
    assert torch.isfinite(run.steps[-1].latents).all()
    branches_agree_from(studio, run)


@pytest.mark.parametrize("name", ["sd3", "flux-dev"])
def test_another_sampler_takes_over_midway(studio: Studio, name: str) -> None:
    run = painted(studio.submit(asked(name)))
    branch = painted(studio.branch(run, 2, sampler="DPM++ 2M"))
    assert branch.kept == 2
    assert branch.steps[2].sigma == pytest.approx(run.steps[2].sigma, abs=1e-4)
    assert torch.isfinite(branch.steps[-1].latents).all()


def test_a_sampler_that_is_not_for_flow_models_is_told(studio: Studio) -> None:
    with pytest.raises(RequestRefused, match="does not go with this model: choose"):
        studio.submit(asked("sd3", sampler="DPM2 a"))


def test_a_size_that_does_not_fit_its_patches_is_told(studio: Studio) -> None:
    with pytest.raises(RequestRefused, match="Width must be a multiple of 16"):
        studio.submit(asked("flux-dev", width=72))
