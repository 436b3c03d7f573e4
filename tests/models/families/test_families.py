"""Every family, with random weights in its real layout, written to disk and loaded by the real code: through the
seams as the bare pipeline has it, to the bit; branched from the middle; joined; from a picture; masked."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoPipelineForImage2Image, ChromaImg2ImgPipeline, DiffusionPipeline
from PIL import Image, ImageDraw
from torch import Tensor

from studio import GenerationRequest, Run, Studio
from studio.diffusion import noise, samplers
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
    flow: bool = True
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
    "kontext": Case(tiny_families.kontext, 4.0, {"guidance_scale": 3.5, "true_cfg_scale": 4.0}, calls=2, edits=True),
    "qwen-image": Case(tiny_families.qwen_image, told={"true_cfg_scale": 4.0}, calls=2),
    "sana": Case(tiny_families.sana, told={"guidance_scale": 4.0}, latents=(8, 2, 2), from_picture=None),
    "pixart": Case(
        tiny_families.pixart, told={"guidance_scale": 4.0}, latents=(4, 8, 8), from_picture=None, flow=False
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
    tiny_families.fill(folder / "fill")
    tiny_families.qwen_image_edit(folder / "qwen-edit")
    return folder


def asked(name: str, **values: Any) -> GenerationRequest:
    known: dict[str, Any] = {"prompt": "a cat", "negative_prompt": "rain", "seed": 7, "width": 64, "height": 64}
    known |= {"steps": STEPS, "sampler": "Euler", "strength": 0.7, "reproducible": True}
    known |= {"cfg_scale": CASES[name].cfg_scale if name in CASES else 4.0}
    return GenerationRequest(model=name, **(known | values))


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
    given |= EXACTLY.get(request.model.split("-")[0], {})
    if not case.flow or request.model == "sana":
        pipeline.scheduler = samplers.build(request, dict(pipeline.scheduler.config))
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


EXACTLY: dict[str, dict[str, Any]] = {
    "kontext": {"max_area": 64 * 64},
    "sana": {"use_resolution_binning": False},
    "pixart": {"use_resolution_binning": False, "clean_caption": False},
}
"""What keeps pipelines from painting another size, or other words, than those that were asked for."""


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
    taken = studio.status.state.steps
    run = painted(studio.submit(asked(name)))
    assert torch.equal(run.steps[-1].after.latents, bare(models, run.request))
    assert len(run.steps) == studio.status.state.steps - taken == STEPS
    assert not CASES[name].flow or run.steps[0].sigma == pytest.approx(1.0, abs=1e-3)
    assert run.steps[0].noisy.shape == run.steps[0].denoised.shape == (1, *CASES[name].latents)
    assert all(step.preview for step in run.steps)
    assert (run.steps[0].guidance is not None) == (CASES[name].cfg_scale > 1)
    branches_agree(studio, run)


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M"])
@pytest.mark.parametrize("name", CASES)
def test_a_saved_run_goes_on_to_the_bit(studio: Studio, tmp_path: Path, name: str, sampler: str) -> None:
    run = painted(studio.submit(asked(name, sampler=sampler)))
    run.save(tmp_path / "run.stepwise")
    opened = studio.open(tmp_path / "run.stepwise")
    assert all(map(torch.equal, (step.noisy for step in opened.steps), (step.noisy for step in run.steps)))
    assert torch.equal(painted(studio.branch(opened, 3)).steps[-1].latents, run.steps[-1].latents)


@pytest.mark.parametrize("name", CASES)
def test_two_jobs_in_one_batch_are_what_they_are_alone(studio: Studio, name: str) -> None:
    requests = [asked(name, prompt=words, seed=seed, steps=4 + seed) for seed, words in enumerate(("a cat", "a dog"))]
    alone = [painted(studio.submit(request)) for request in requests]
    assert studio.engine is not None
    before = studio.engine.forwards
    together = [studio.submit(GenerationRequest(**(fields(request) | {"reproducible": False}))) for request in requests]
    for one, other in zip(alone, together, strict=True):
        painted(other)
        size = max(1.0, float(one.steps[-1].latents.abs().max()))
        assert torch.allclose(one.steps[-1].latents, other.steps[-1].latents, atol=1e-4 * size)
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


@pytest.mark.parametrize("name", ["sana", "pixart"])
def test_a_model_that_cannot_start_from_a_picture_is_told(studio: Studio, name: str) -> None:
    with pytest.raises(RequestRefused, match="paints from noise alone"):
        studio.submit(asked(name, image=studio.inputs.add(sun())))


def test_fill_sees_picture_and_mask(studio: Studio, models: Path) -> None:
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (16, 16, 48, 48))
    inpaint = Inpaint(mask=studio.inputs.add(mask), blur=0)
    told = {"image": studio.inputs.add(sun()), "inpaint": inpaint, "strength": 1.0, "distilled_cfg_scale": 30.0}
    run = painted(studio.submit(asked("fill", **told)))
    pipeline = DiffusionPipeline.from_pretrained(models / "fill")
    pipeline.set_progress_bar_config(disable=True)
    drawing = noise.generators(run.request.seeds)
    drawn = noise.starting_noise((16, 8, 8), drawing)
    steps = StepsTaken(pipeline.scheduler)
    pipeline(
        prompt="a cat",
        image=sun(),
        mask_image=mask,
        width=64,
        height=64,
        strength=1.0,
        num_inference_steps=STEPS,
        guidance_scale=30.0,
        generator=drawing,
        latents=pipeline._pack_latents(drawn, *drawn.shape),
        output_type="latent",
    )
    assert torch.equal(run.steps[-1].after.latents, steps.last)
    branches_agree(studio, run)
    part = painted(studio.submit(asked("fill", **(told | {"strength": 0.7}))))
    assert len(part.steps) == 3
    branches_agree_from(studio, part)
    joined = [asked("fill", **(told | {"seed": seed, "reproducible": False})) for seed in (7, 8)]
    assert studio.engine is not None
    before = studio.engine.forwards
    together = [painted(other) for other in [studio.submit(request) for request in joined]]
    assert studio.engine.forwards - before < 2 * STEPS
    assert torch.allclose(together[0].steps[-1].latents, run.steps[-1].latents, atol=1e-4)
    assert painted(studio.submit(asked("fill"))).request.image == ""


def test_qwen_image_edit_reads_the_picture_with_the_words(studio: Studio, models: Path) -> None:
    with pytest.raises(RequestRefused, match="changes a picture: open one"):
        studio.submit(asked("qwen-edit"))
    run = painted(studio.submit(asked("qwen-edit", image=studio.inputs.add(sun()), steps=2)))
    pipeline = DiffusionPipeline.from_pretrained(models / "qwen-edit")
    pipeline.set_progress_bar_config(disable=True)
    steps = StepsTaken(pipeline.scheduler)
    told = {"prompt": "a cat", "negative_prompt": "rain", "true_cfg_scale": 4.0, "num_inference_steps": 2}
    made = {"image": sun(), "width": 64, "height": 64, "generator": noise.generators(run.request.seeds)}
    pipeline(**told, **made, output_type="latent")
    assert torch.equal(run.steps[-1].after.latents, steps.last)
    assert run.steps[0].guidance is not None
    branch = painted(studio.branch(run, 1))
    assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents)


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
