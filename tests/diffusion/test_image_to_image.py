"""Starting from a picture: as the bare pipeline does it, and branched from every step."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw

from studio import GenerationRequest, Run, Settings, Studio
from studio.diffusion.seams import ModelCall
from studio.errors import RequestRefused, StudioError
from studio.models.library import EMBEDDED
from studio.models.loader import LoadedModel
from studio.presets import SAMPLERS
from studio.request import Inpaint
from studio.timeline.words import words_in_force
from tests.diffusion.bare import bare


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    made = Image.new("RGB", (64, 64), "#204060")
    ImageDraw.Draw(made).ellipse((12, 20, 50, 58), fill="#f0a84b")
    return made


def asked(image: str, sampler: str = "DPM++ 2M", **values: object) -> GenerationRequest:
    known = {
        "prompt": "a cat",
        "negative_prompt": "rain",
        "model": "tiny-epsilon",
        "seed": 7,
        "width": 64,
        "height": 64,
    }
    options = known | {"steps": 8, "strength": 0.6} | values
    return GenerationRequest(image=image, sampler=sampler, reproducible=True, **options)  # type: ignore[arg-type]


def painted(run: Run) -> Run:
    assert run.result.paths
    return run


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_is_identical_to_the_bare_pipeline(
    studio: Studio, models: Path, picture: Image.Image, sampler: str
) -> None:
    request = asked(studio.inputs.add(picture), sampler)
    run = painted(studio.submit(request))
    assert torch.equal(
        run.steps[-1].latents, bare(models, request, "StableDiffusionImg2Img", image=picture, strength=request.strength)
    )
    assert len(run.steps) == run.evaluations


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_unchanged_branch_from_every_step_is_identical(studio: Studio, picture: Image.Image, sampler: str) -> None:
    run = painted(studio.submit(asked(studio.inputs.add(picture), sampler, model="tiny-v")))
    for at in range(1, len(run.steps)):
        branch = painted(studio.branch(run, at))
        assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents), f"from step {at}"
        assert len(branch.steps) == branch.evaluations


def test_another_sampler_takes_over_midway(studio: Studio, picture: Image.Image) -> None:
    run = painted(studio.submit(asked(studio.inputs.add(picture), "Euler")))
    changed = painted(studio.branch(run, 2, sampler="Heun", remaining=5))
    assert len(changed.recording) == 9
    assert changed.steps[2].sigma == pytest.approx(run.steps[2].sigma, rel=0.03)
    for at in range(3, len(changed.steps)):
        again = painted(studio.branch(changed, at))
        assert torch.equal(again.steps[-1].latents, changed.steps[-1].latents), f"from step {at}"


def test_less_strength_keeps_more_of_the_picture_and_costs_less(studio: Studio, picture: Image.Image) -> None:
    image = studio.inputs.add(picture)
    assert studio.engine is not None
    start = studio.engine.model(EMBEDDED).encode_picture(picture).cpu()
    far = {}
    for strength, steps in ((0.25, 2), (0.75, 6)):
        run = painted(studio.submit(asked(image, model=EMBEDDED, strength=strength)))
        assert len(run.steps) == steps
        far[strength] = float((run.steps[-1].latents - start).square().mean())
    assert far[0.25] < far[0.75]


def test_the_forward_process_leads_from_the_picture_to_where_the_reverse_one_takes_over(
    studio: Studio, picture: Image.Image
) -> None:
    run = painted(studio.submit(asked(studio.inputs.add(picture))))
    assert run.forward is not None
    frames = run.forward.steps
    assert [frame.sigma for frame in frames] == sorted(frame.sigma for frame in frames)
    assert len(frames) == run.request.skipped
    assert frames[0].sigma == 0
    assert torch.allclose(frames[0].noisy, frames[0].denoised)
    first = run.steps[0]
    assert torch.allclose(frames[-1].noisy, first.noisy, atol=1e-4)
    assert frames[-1].sigma == pytest.approx(run.steps[0].sigma)
    assert all(frame.preview.startswith(b"\xff\xd8") for frame in frames)


def test_what_starts_from_noise_has_no_forward_process(studio: Studio) -> None:
    request = GenerationRequest(model="tiny-v", steps=2, width=64, height=64)
    assert painted(studio.submit(request)).forward is None


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"image": "../secret"}, "SHA-256"),
        ({"strength": 0.0}, "Strength must be"),
        ({"strength": float("nan")}, "Strength must be"),
        ({"strength": 0.05}, "no step to take"),
    ],
)
def test_what_cannot_be_is_refused(studio: Studio, values: dict[str, object], sentence: str) -> None:
    with pytest.raises(RequestRefused, match=sentence):
        studio.submit(asked(**({"image": "0" * 64} | values)))  # type: ignore[arg-type]


def test_a_picture_that_is_not_here_is_told(studio: Studio) -> None:
    with pytest.raises(StudioError, match="bring it again"):
        assert studio.submit(asked("0" * 64)).result


def test_a_saved_run_brings_its_picture_and_its_forward_process(
    studio: Studio, models: Path, picture: Image.Image, tmp_path: Path
) -> None:
    run = painted(studio.submit(asked(studio.inputs.add(picture), "Euler a")))
    run.save(tmp_path / "run.stepwise")
    assert run.forward is not None
    with Studio(Settings(models=(models,), outputs=tmp_path / "elsewhere", device="cpu", precision="fp32")) as other:
        opened = other.open(tmp_path / "run.stepwise")
        assert opened.forward is not None
        assert opened.forward.steps[-1].preview == run.forward.steps[-1].preview
        branch = painted(other.branch(opened, 2))
        assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents)


@pytest.mark.parametrize("start", ["noise", "picture"])
def test_noise_to_come_is_other_noise_also_before_the_first_step(
    studio: Studio, picture: Image.Image, start: str
) -> None:
    run = painted(studio.submit(asked(studio.inputs.add(picture) if start == "picture" else "", "Euler a")))
    first, same, other = (painted(studio.branch(run, 0, noise_seed=seed)) for seed in (5, 5, 6))
    assert torch.equal(first.steps[0].noisy, run.steps[0].noisy), "it starts from the same"
    assert torch.equal(first.steps[-1].latents, same.steps[-1].latents)
    assert not torch.equal(first.steps[-1].latents, other.steps[-1].latents)
    assert not torch.equal(first.steps[-1].latents, run.steps[-1].latents)


def test_words_come_into_force_when_the_page_says_so_with_another_sampler_too(
    studio: Studio, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 10 steps the picture stands in for 4."""
    told: list[float] = []
    compute = LoadedModel.compute

    def watched(model: LoadedModel, call: ModelCall, arguments: dict[str, Any]) -> Any:
        told.append(float(arguments["encoder_hidden_states"][-1].abs().sum()))
        return compute(model, call, arguments)

    run = painted(studio.submit(asked(studio.inputs.add(picture), "Euler", prompt="[cat:dog:3]", steps=10)))
    monkeypatch.setattr(LoadedModel, "compute", watched)
    changed = painted(studio.branch(run, 1, sampler="DDIM"))
    words = [words_in_force(changed.request, index)[0] for index in range(1, 6)]
    assert words == ["cat", "cat", "dog", "dog", "dog"]
    cat, dog = told[0], told[-1]
    assert cat != dog
    assert told == [cat if word == "cat" else dog for word in words]


def test_what_dpm2_holds_outside_of_a_mask_is_as_noisy_as_the_sample(studio: Studio, picture: Image.Image) -> None:
    mask = Image.new("L", picture.size, 0)
    mask.paste(255, (0, 0, 32, 64))
    request = asked(studio.inputs.add(picture), "DPM2", inpaint=Inpaint(mask=studio.inputs.add(mask), blur=0))
    run = painted(studio.submit(request))
    held = [(step.noisy[..., 5:], step.level.sigma) for step in run.steps]  # picture + sigma * noise
    noises = [(one - other) / (more - less) for (one, more), (other, less) in pairwise(held)]
    assert all(torch.allclose(noise, noises[0], atol=1e-2) for noise in noises)
