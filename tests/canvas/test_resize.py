"""The three ways a picture comes to a size."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from studio.canvas.resize import resized
from studio.request import RESIZE_MODES

SIDE = st.integers(1, 300)


@example(8192, 16, 64, 64, "Resize and fill", "RGB")
@given(SIDE, SIDE, SIDE, SIDE, st.sampled_from(RESIZE_MODES), st.sampled_from(["RGB", "L"]))
def test_any_picture_fits_any_size(width: int, height: int, to: int, high: int, mode: str, colours: str) -> None:
    made = resized(Image.new(colours, (width, height)), (to, high), mode)
    assert (made.size, made.mode) == ((to, high), colours)


@pytest.fixture
def halves() -> Image.Image:
    """Left half black, right half white, 40 x 20."""
    made = Image.new("L", (40, 20))
    made.paste(255, (20, 0, 40, 20))
    return made


def test_stretching_keeps_everything(halves: Image.Image) -> None:
    made = resized(halves, (20, 20), "Just resize")
    assert (made.getpixel((4, 10)), made.getpixel((16, 10))) == (0, 255)


def test_cropping_keeps_the_middle(halves: Image.Image) -> None:
    made = resized(halves, (8, 16), "Crop and resize")
    assert made.size == (8, 16)
    assert {made.getpixel((0, 8)), made.getpixel((7, 8))} == {0, 255}


def test_filling_draws_the_edges_out(halves: Image.Image) -> None:
    made = resized(halves, (40, 40), "Resize and fill")
    assert [made.getpixel((x, y)) for y in (0, 20, 39) for x in (5, 35)] == [0, 255] * 3


def test_a_picture_of_that_size_stays_itself(halves: Image.Image) -> None:
    assert resized(halves, halves.size, "Just resize") is halves
