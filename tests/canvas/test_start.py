"""From a picture and a mask to what the model sees, and back into the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from studio.canvas.fill import filled
from studio.canvas.masks import softened
from studio.canvas.start import Start, control_map, start_of
from studio.errors import StudioError
from studio.request import RESIZE_MODES, Branch, ControlUnit, GenerationRequest, Inpaint

PICTURE, MASK = "a" * 64, "b" * 64


def photograph(width: int = 200, height: int = 120) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2))


def stroke(width: int = 200, height: int = 120, box: tuple[int, int, int, int] = (60, 40, 110, 70)) -> Image.Image:
    made = Image.new("L", (width, height))
    ImageDraw.Draw(made).ellipse(box, fill=255)
    return made


def start(picture: Image.Image, mask: Image.Image, size: tuple[int, int] = (64, 64), **values: Any) -> Start:
    request = GenerationRequest(
        image=PICTURE, width=size[0], height=size[1], inpaint=Inpaint(mask=MASK, **values), resize_mode="Just resize"
    )
    made = start_of(request, {PICTURE: picture, MASK: mask.convert("RGB")}.__getitem__)
    assert made is not None
    return made


def outside_is_equal(whole: Image.Image, finished: Image.Image, mask: Image.Image) -> bool:
    difference = np.asarray(ImageChops.difference(whole, finished)).max(2)
    return not difference[np.asarray(mask) == 0].any()


@settings(max_examples=40, deadline=None)
@given(
    blur=st.integers(0, 24),
    padding=st.integers(0, 64),
    only_masked=st.booleans(),
    soft=st.booleans(),
    content=st.sampled_from(["original", "fill"]),
    box=st.tuples(st.integers(0, 150), st.integers(0, 90), st.integers(2, 49), st.integers(2, 29)),
)
def test_outside_the_blurred_mask_every_pixel_stays(
    blur: int, padding: int, only_masked: bool, soft: bool, content: str, box: tuple[int, int, int, int]
) -> None:
    picture, mask = photograph(), stroke(box=(box[0], box[1], box[0] + box[2], box[1] + box[3]))
    made = start(picture, mask, blur=blur, padding=padding, only_masked=only_masked, soft=soft, content=content)
    assert made.picture.size == made.mask.size == (64, 64)  # type: ignore[union-attr]
    assert made.whole is not None
    finished = made.finished(Image.new("RGB", (64, 64), "red"))
    assert finished.size == (picture.size if only_masked else (64, 64))
    assert made.shown is not None
    assert outside_is_equal(made.whole, finished, made.shown)
    if only_masked:
        assert outside_is_equal(picture, finished, softened(mask, blur))


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_a_mask_that_is_made_smaller_reaches_no_further(mode: str) -> None:
    mask = Image.new("L", (512, 512))
    mask.paste(255, (200, 200, 300, 300))
    request = GenerationRequest(image=PICTURE, inpaint=Inpaint(mask=MASK, blur=0), resize_mode=mode)
    made = start_of(request, {PICTURE: photograph(512, 512), MASK: mask.convert("RGB")}.__getitem__)
    assert made is not None
    assert made.shown is not None
    assert made.shown.getbbox() == pytest.approx((50, 50, 75, 75), abs=1)


def test_inside_the_mask_the_painted_picture_shows_wholly() -> None:
    mask = Image.new("L", (200, 120))
    mask.paste(255, (60, 40, 110, 70))
    finished = start(photograph(), mask, only_masked=True, blur=4).finished(Image.new("RGB", (64, 64), "red"))
    assert {finished.getpixel((x, y)) for x in (61, 85, 108) for y in (41, 55, 68)} == {(255, 0, 0)}


def test_what_is_painted_alone_comes_back_where_it_was() -> None:
    picture, mask = photograph(256, 256), stroke(256, 256, (100, 100, 140, 140))
    made = start(picture, mask, (128, 128), only_masked=True, padding=16, blur=0)
    assert made.region is not None
    assert made.region.size == (73, 73)
    difference = np.asarray(ImageChops.difference(picture, made.finished(made.picture)))
    assert difference.max() <= 24, "only what resizing loses"


def test_fill_has_nothing_of_what_was_masked() -> None:
    picture = Image.new("RGB", (200, 120), "#2040a0")
    ImageDraw.Draw(picture).ellipse((60, 40, 110, 70), fill="red")
    made = start(picture, stroke(box=(55, 35, 115, 75)), (200, 120), content="fill", blur=2)
    assert max(made.picture.getpixel((85, 55))[0], 0) < 60  # type: ignore[index]
    assert start(picture, stroke(), (200, 120)).picture.getpixel((85, 55)) == (255, 0, 0)


def test_a_picture_that_is_all_masked_is_filled_with_grey() -> None:
    assert filled(photograph(), Image.new("L", (200, 120), 255)).getcolors() == [(200 * 120, (127, 127, 127))]


def test_an_empty_mask_is_told() -> None:
    with pytest.raises(StudioError, match="mask is empty"):
        start(photograph(), Image.new("L", (200, 120)))


def test_a_mask_that_is_cut_off_with_the_picture_is_told() -> None:
    given = {PICTURE: photograph(), MASK: stroke(box=(2, 40, 20, 70)).convert("RGB")}
    request = GenerationRequest(image=PICTURE, inpaint=Inpaint(mask=MASK), resize_mode="Crop and resize")
    with pytest.raises(StudioError, match="choose another resize mode"):
        start_of(request, given.__getitem__)


def test_a_mask_too_faint_to_free_anything_is_told_but_works_softly() -> None:
    faint = Image.new("L", (200, 120), 40)
    with pytest.raises(StudioError, match="too faint"):
        start(photograph(), faint)
    assert start(photograph(), faint, soft=True).mask is not None


def test_a_mask_of_another_size_is_brought_to_the_pictures() -> None:
    made = start(photograph(), stroke(100, 60, (30, 20, 55, 35)), only_masked=True)
    assert made.shown is not None
    assert made.shown.size == (200, 120)


def asked(mask: str, branch: Branch | None = None, **values: Any) -> GenerationRequest:
    inpaint = Inpaint(mask=mask, **({"only_masked": True} | values))
    return GenerationRequest(image=PICTURE, width=64, height=64, inpaint=inpaint, branch=branch)


def test_a_branch_goes_on_with_the_part_that_its_steps_show() -> None:
    there = {
        PICTURE: photograph(),
        MASK: stroke(),
        "small": stroke(box=(70, 45, 90, 60)),
        "far": stroke(box=(0, 0, 40, 30)),
    }
    first = asked(MASK, padding=8)
    part = start_of(first, there.__getitem__)
    assert part is not None
    assert part.region is not None
    for changed in ({"padding": 30}, {"mask": "small", "blur": 1}, {"soft": True}):
        branch = start_of(asked(**({"mask": MASK} | changed), branch=Branch(request=first, at=3)), there.__getitem__)
        assert branch is not None
        assert branch.region == part.region
        assert branch.picture.tobytes() == part.picture.tobytes()
    again = asked("small", Branch(request=asked("small", Branch(request=first, at=3)), at=5), padding=64)
    assert getattr(start_of(again, there.__getitem__), "region", None) == part.region
    for refused in (
        asked("far", Branch(request=first, at=3)),
        asked(MASK, Branch(request=first, at=3), only_masked=False),
    ):
        with pytest.raises(StudioError, match="another part of the picture"):
            start_of(refused, there.__getitem__)
    anew = start_of(asked("far", Branch(request=first, at=0)), there.__getitem__)
    assert anew is not None
    assert anew.region != part.region


def test_without_a_picture_there_is_no_start() -> None:
    assert start_of(GenerationRequest(), lambda _: photograph()) is None


def test_control_maps_follow_the_painted_part() -> None:
    lines = Image.new("RGB", (200, 120), "black")
    ImageDraw.Draw(lines).rectangle((60, 40, 110, 70), fill="white")
    request = GenerationRequest(width=64, height=64, control=(ControlUnit(model="m", image="c" * 64),))
    plain = control_map(lines, "Just resize", request, None)
    part = start(photograph(), stroke(), only_masked=True, padding=0, blur=0)
    assert part.region is not None
    led = control_map(lines, "Just resize", request, part)
    assert plain.size == led.size == (64, 64)
    assert np.asarray(led).mean() > 2 * np.asarray(plain).mean()
