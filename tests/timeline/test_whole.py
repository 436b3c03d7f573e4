"""What "To canvas" takes: one picture, at full size, outside of a mask what was there."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from studio import GenerationRequest, Run, Studio
from studio.errors import StudioError
from studio.request import Inpaint
from studio.timeline.whole import whole_picture


@pytest.fixture(scope="module")
def several(studio: Studio) -> Run:
    run = studio.submit(GenerationRequest(prompt="a cat", seed=4, steps=2, width=640, height=576, batch_size=2))
    assert run.result.paths
    return run


@pytest.fixture(scope="module")
def inpainted(studio: Studio) -> Run:
    mask, picture = Image.new("L", (128, 128)), Image.effect_noise((128, 128), 60).convert("RGB")
    ImageDraw.Draw(mask).ellipse((30, 40, 98, 120), fill=255)
    inpaint = Inpaint(mask=studio.inputs.add(mask), only_masked=True, padding=8)
    image = studio.inputs.add(picture)
    request = GenerationRequest(prompt="a dog", seed=9, steps=3, image=image, strength=1.0, inpaint=inpaint)
    run = studio.submit(request)
    assert run.result.paths
    return run


def test_the_last_step_is_the_finished_picture_to_the_pixel(studio: Studio, several: Run) -> None:
    taken = whole_picture(several, 1, studio.inputs.get)
    assert taken.size == (640, 576)
    assert ImageChops.difference(taken, several.result.images[0].convert("RGB")).getbbox() is None


def test_a_step_before_is_what_is_predicted_there_in_full_size(studio: Studio, several: Run) -> None:
    taken = whole_picture(several, 0, studio.inputs.get)
    assert taken.size == (640, 576)
    seen = Image.open(io.BytesIO(several.steps[0].preview))  # both of them, smaller
    left = seen.crop((0, 0, seen.width // 2, seen.height)).resize(taken.size)
    assert np.abs(np.asarray(taken, int) - np.asarray(left, int)).mean() < 8


def test_outside_of_a_mask_every_pixel_stays(studio: Studio, inpainted: Run) -> None:
    before = studio.inputs.get(inpainted.request.image)
    for index in range(len(inpainted.steps)):
        changed = ImageChops.difference(whole_picture(inpainted, index, studio.inputs.get), before).getbbox()
        assert changed
        assert changed[0] >= 20
        assert changed[1] >= 30


def test_a_picture_that_is_not_here_any_more_is_told(inpainted: Run) -> None:
    def gone(name: str) -> Image.Image:
        raise StudioError(f"{name} is not here")

    with pytest.raises(StudioError, match="is not here"):
        whole_picture(inpainted, 0, gone)
