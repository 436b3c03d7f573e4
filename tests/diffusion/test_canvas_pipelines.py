"""Everything that is drawn goes through unmodified pipelines: as the bare ones do it, to the bit,
and branched from the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw

from studio import GenerationRequest, Run, Studio
from studio.errors import StudioError
from studio.models.library import EMBEDDED, EMBEDDED_CONTROL
from studio.presets import SAMPLERS
from studio.request import CONTROL_FIRST, PROMPT_FIRST, ControlUnit, Inpaint
from tests.diffusion.bare import bare

SIZE = (64, 64)
HARD_EDGE = 0
"""Mask blur for a mask whose edges lie on the latents' grid."""
FAMILIES = {"": "StableDiffusion", "-xl": "StableDiffusionXL"}


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    made = Image.new("RGB", SIZE, "#204060")
    ImageDraw.Draw(made).ellipse((12, 20, 50, 58), fill="#f0a84b")
    return made


@pytest.fixture(scope="module")
def mask() -> Image.Image:
    made = Image.new("L", SIZE, 0)
    made.paste(255, (16, 16, 48, 40))
    return made


@pytest.fixture(scope="module")
def lines() -> list[Image.Image]:
    made = [Image.new("RGB", SIZE, "black") for _ in range(2)]
    ImageDraw.Draw(made[0]).rectangle((10, 20, 50, 60), outline="white", width=2)
    ImageDraw.Draw(made[1]).line((0, 63, 63, 0), fill="white", width=3)
    return made


def asked(model: str, **values: Any) -> GenerationRequest:
    known: dict[str, Any] = {"prompt": "a cat", "negative_prompt": "rain", "seed": 7, "width": 64, "height": 64}
    known |= {"steps": 6, "sampler": "Euler a", "strength": 0.7, "cfg_scale": 4.0}
    return GenerationRequest(model=model, reproducible=True, **(known | values))


def painted(run: Run) -> Run:
    assert run.result.paths
    return run


def steered(units: tuple[ControlUnit, ...]) -> dict[str, Any]:
    """A pipeline's arguments for control units."""
    weights = [unit.weight for unit in units]
    return {
        "controlnet_conditioning_scale": weights if len(units) > 1 else weights[0],
        "control_guidance_start": [unit.start for unit in units],
        "control_guidance_end": [unit.end for unit in units],
    }


def units(studio: Studio, family: str, lines: list[Image.Image], count: int) -> tuple[ControlUnit, ...]:
    return tuple(
        ControlUnit(
            model=f"tiny{family}-control{suffix}",
            image=studio.inputs.add(image),
            weight=0.8 + index,
            start=0.2 * index,
            end=1 - 0.2 * index,
        )
        for index, (suffix, image) in enumerate(zip(("", "-2")[:count], lines, strict=False))
    )


def branches_agree(studio: Studio, run: Run) -> None:
    for at in range(1, len(run.steps)):
        branch = painted(studio.branch(run, at))
        assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents), f"from step {at}"


@pytest.mark.parametrize("family", FAMILIES)
def test_text_to_image(studio: Studio, models: Path, family: str) -> None:
    request = asked("tiny-xl" if family else "tiny-epsilon")
    run = painted(studio.submit(request))
    expected = bare(models, request, FAMILIES[family], width=64, height=64)
    assert torch.equal(run.steps[-1].latents, expected)
    branches_agree(studio, run)


@pytest.mark.parametrize("family", FAMILIES)
def test_image_to_image(studio: Studio, models: Path, picture: Image.Image, family: str) -> None:
    request = asked("tiny-xl" if family else "tiny-epsilon", image=studio.inputs.add(picture))
    run = painted(studio.submit(request))
    expected = bare(models, request, FAMILIES[family] + "Img2Img", image=picture, strength=0.7)
    assert torch.equal(run.steps[-1].latents, expected)
    branches_agree(studio, run)


# Of the samplers that draw no noise: the pipeline draws some for a masked picture it then does not
# use, after which those that do draw would draw other noise. Nor with DPM2, whose scheduler noises the picture wrongly
# in the middle of its steps.
@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DDIM", "Heun", "UniPC", "LMS", "PLMS"])
def test_inpainting_with_an_ordinary_model_is_the_inpainting_pipeline(
    studio: Studio, models: Path, picture: Image.Image, mask: Image.Image, sampler: str
) -> None:
    inpaint = Inpaint(mask=studio.inputs.add(mask), blur=HARD_EDGE)
    request = asked("tiny-epsilon", image=studio.inputs.add(picture), inpaint=inpaint, sampler=sampler)
    run = painted(studio.submit(request))
    expected = bare(
        models, request, "StableDiffusionInpaint", image=picture, mask_image=mask, strength=0.7, width=64, height=64
    )
    assert torch.equal(run.steps[-1].latents, expected)
    branches_agree(studio, run)


def test_inpainting_with_an_ordinary_xl_model(
    studio: Studio, models: Path, picture: Image.Image, mask: Image.Image
) -> None:
    inpaint = Inpaint(mask=studio.inputs.add(mask), blur=HARD_EDGE)
    request = asked("tiny-xl", image=studio.inputs.add(picture), inpaint=inpaint, sampler="Euler")
    run = painted(studio.submit(request))
    given: dict[str, Any] = {"image": picture, "mask_image": mask, "strength": 0.7, "width": 64, "height": 64}
    assert torch.equal(run.steps[-1].latents, bare(models, request, "StableDiffusionXLInpaint", **given))
    branches_agree(studio, run)


@pytest.mark.parametrize("strength", [0.7, 1.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_made_for_inpainting(
    studio: Studio, models: Path, picture: Image.Image, mask: Image.Image, family: str, strength: float
) -> None:
    inpaint = Inpaint(mask=studio.inputs.add(mask), blur=HARD_EDGE)
    request = asked(f"tiny{family}-inpainting", image=studio.inputs.add(picture), inpaint=inpaint, strength=strength)
    run = painted(studio.submit(request))
    given: dict[str, Any] = {"image": picture, "mask_image": mask, "width": 64, "height": 64}
    expected = bare(models, request, FAMILIES[family] + "Inpaint", strength=strength, **given)
    assert torch.equal(run.steps[-1].latents, expected)
    branches_agree(studio, run)


def test_a_model_made_for_inpainting_paints_from_words_alone(studio: Studio) -> None:
    run = painted(studio.submit(asked("tiny-inpainting")))
    assert len(run.steps) == 6
    branches_agree(studio, run)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_control(studio: Studio, models: Path, lines: list[Image.Image], family: str, count: int) -> None:
    control = units(studio, family, lines, count)
    request = asked("tiny-xl" if family else "tiny-epsilon", control=control)
    run = painted(studio.submit(request))
    image = lines if count > 1 else lines[0]
    expected = bare(
        models, request, FAMILIES[family] + "ControlNet", image=image, width=64, height=64, **steered(control)
    )
    assert torch.equal(run.steps[-1].latents, expected)
    branches_agree(studio, run)


@pytest.mark.parametrize("family", FAMILIES)
def test_control_with_a_picture(
    studio: Studio, models: Path, picture: Image.Image, lines: list[Image.Image], family: str
) -> None:
    control = units(studio, family, lines, 1)
    model = "tiny-xl" if family else "tiny-epsilon"
    request = asked(model, image=studio.inputs.add(picture), control=control)
    run = painted(studio.submit(request))
    given: dict[str, Any] = {"image": picture, "control_image": lines[0], "strength": 0.7} | steered(control)
    assert torch.equal(run.steps[-1].latents, bare(models, request, FAMILIES[family] + "ControlNetImg2Img", **given))
    branches_agree(studio, run)


@pytest.mark.parametrize("model", ["tiny-epsilon", "tiny-inpainting", "tiny-xl", "tiny-xl-inpainting"])
def test_control_with_a_mask(
    studio: Studio, models: Path, picture: Image.Image, mask: Image.Image, lines: list[Image.Image], model: str
) -> None:
    family = "-xl" if "xl" in model else ""
    control = units(studio, family, lines, 2)
    inpaint = Inpaint(mask=studio.inputs.add(mask), blur=HARD_EDGE)
    image = studio.inputs.add(picture)
    request = asked(model, image=image, control=control, inpaint=inpaint, sampler="DPM++ 2M")
    run = painted(studio.submit(request))
    given: dict[str, Any] = {"image": picture, "mask_image": mask, "control_image": lines, "strength": 0.7}
    given |= steered(control) | {"width": 64, "height": 64}
    assert torch.equal(run.steps[-1].latents, bare(models, request, FAMILIES[family] + "ControlNetInpaint", **given))
    branches_agree(studio, run)


def test_a_branch_may_change_mask_and_control(
    studio: Studio, picture: Image.Image, mask: Image.Image, lines: list[Image.Image]
) -> None:
    image = studio.inputs.add(picture)
    inpaint = Inpaint(mask=studio.inputs.add(mask), blur=HARD_EDGE)
    run = painted(studio.submit(asked("tiny-epsilon", image=image, inpaint=inpaint)))
    whole = Inpaint(mask=studio.inputs.add(Image.new("L", SIZE, 255)))
    branch = painted(studio.branch(run, 2, inpaint=whole, control=units(studio, "", lines, 1)))
    assert torch.equal(branch.steps[1].latents, run.steps[1].latents)
    corner = (slice(None), slice(None), slice(0, 2), slice(0, 2))
    assert not torch.equal(branch.steps[-1].latents[corner], run.steps[-1].latents[corner]), "no longer held"


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_outside_the_mask_the_picture_stays(
    studio: Studio, picture: Image.Image, mask: Image.Image, sampler: str
) -> None:
    inpaint = Inpaint(mask=studio.inputs.add(mask), blur=HARD_EDGE)
    run = painted(studio.submit(asked(EMBEDDED, image=studio.inputs.add(picture), inpaint=inpaint, sampler=sampler)))
    assert studio.engine is not None
    clean = studio.engine.model(EMBEDDED).encode_picture(picture)
    end = run.steps[-1].latents
    assert torch.allclose(end[..., :2, :], clean[..., :2, :], atol=1e-5)
    assert not torch.allclose(end[..., 2:5, 2:6], clean[..., 2:5, 2:6], atol=0.1)
    branches_agree(studio, run)


@pytest.mark.parametrize("mode", [PROMPT_FIRST, CONTROL_FIRST])
def test_modes_change_how_much_control_says(studio: Studio, lines: list[Image.Image], mode: str) -> None:
    (unit,) = units(studio, "", lines, 1)
    plain = painted(studio.submit(asked("tiny-epsilon", control=(unit,))))
    other = ControlUnit(model=unit.model, image=unit.image, weight=unit.weight, mode=mode)
    led = painted(studio.submit(asked("tiny-epsilon", control=(other,))))
    assert not torch.equal(plain.steps[-1].latents, led.steps[-1].latents)
    branches_agree(studio, led)


def test_a_unit_of_no_weight_changes_nothing(studio: Studio, lines: list[Image.Image]) -> None:
    (unit,) = units(studio, "", lines, 1)
    none = ControlUnit(model=unit.model, image=unit.image, weight=0.0)
    without = painted(studio.submit(asked("tiny-epsilon")))
    led = painted(studio.submit(asked("tiny-epsilon", control=(none,))))
    assert torch.equal(without.steps[-1].latents, led.steps[-1].latents)


def test_a_control_net_of_another_family_is_told(studio: Studio, lines: list[Image.Image]) -> None:
    (unit,) = units(studio, "-xl", lines, 1)
    with pytest.raises(StudioError, match="another family"):
        assert studio.submit(asked("tiny-epsilon", control=(unit,))).result


def test_where_words_look_is_seen_in_a_run_with_control(studio: Studio, lines: list[Image.Image]) -> None:
    control = (ControlUnit(model=EMBEDDED_CONTROL, image=studio.inputs.add(lines[0])),)
    run = painted(studio.submit(asked(EMBEDDED, control=control)))
    assert [found.word for found in studio.words(run, 2)] == ["a", "cat"]


def test_words_of_a_shared_step_are_those_of_the_run_that_painted_it(studio: Studio) -> None:
    run = painted(studio.submit(GenerationRequest(prompt="a cat", model=EMBEDDED, steps=4, seed=1)))
    branch = painted(studio.branch(run, 2, prompt="two dogs"))
    assert [[found.word for found in studio.words(branch, step)] for step in (1, 2)] == [["a", "cat"], ["two", "dogs"]]


def test_what_begins_and_ends_within_a_run_from_a_picture_does_so_with_another_sampler_too(
    studio: Studio, picture: Image.Image, lines: list[Image.Image]
) -> None:
    """Of 8 steps the picture stands in for 2; what lasts for half a run lasts for 3 of the other 6."""
    unit = ControlUnit(model="tiny-control", image=studio.inputs.add(lines[0]), end=0.5)
    from_picture: dict[str, Any] = {"image": studio.inputs.add(picture), "strength": 0.75, "steps": 8}
    run = painted(studio.submit(asked("tiny-epsilon", control=(unit,), **from_picture)))
    changed = painted(studio.branch(run, 1, sampler="DDIM"))
    led, free = (painted(studio.branch(changed, at, control=())).steps[-1].latents for at in (2, 3))
    assert not torch.allclose(led, changed.steps[-1].latents)
    assert torch.allclose(free, changed.steps[-1].latents, atol=1e-5)


def test_a_grey_mask_sets_free_after_the_same_share_of_a_run_with_another_sampler(
    studio: Studio, picture: Image.Image
) -> None:
    grey = Inpaint(mask=studio.inputs.add(Image.new("L", SIZE, 128)), soft=True, blur=HARD_EDGE)
    request = asked("tiny-epsilon", image=studio.inputs.add(picture), strength=0.75, steps=8, inpaint=grey)
    run = painted(studio.submit(request))
    changed = painted(studio.branch(run, 1, sampler="DDIM"))
    held = changed.steps[0].denoised
    for each in (run, changed):
        assert [torch.equal(step.denoised, held) for step in each.steps] == [True, True, False, False, False, False]
