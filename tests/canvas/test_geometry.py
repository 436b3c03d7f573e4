"""Which part of a picture is painted: always inside it, always around the mask."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from studio.canvas.geometry import Box, crop_region

SIDES = st.integers(8, 4000)


@st.composite
def masked(draw: st.DrawFn) -> tuple[Box, tuple[int, int]]:
    """A box inside a picture, and the picture's size."""
    width, height = draw(SIDES), draw(SIDES)
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    return Box(left, top, right, bottom), (width, height)


@given(masked(), st.integers(0, 300), SIDES, SIDES)
def test_the_region_holds_the_mask_and_lies_in_the_picture(
    given: tuple[Box, tuple[int, int]], padding: int, width: int, height: int
) -> None:
    box, picture = given
    region = crop_region(box, padding, picture, (width, height))
    assert region.holds(box)
    assert Box(0, 0, *picture).holds(region)


@given(masked(), st.integers(0, 300), SIDES, SIDES)
def test_the_region_has_the_painted_proportions_unless_the_picture_ends(
    given: tuple[Box, tuple[int, int]], padding: int, width: int, height: int
) -> None:
    box, picture = given
    region = crop_region(box, padding, picture, (width, height)).size
    for side, other, wide, high in ((0, 1, width, height), (1, 0, height, width)):
        if region[other] < picture[other] and region[side] < picture[side]:
            assert abs(region[side] - region[other] * wide / high) <= 1 + wide / high


@given(masked(), st.integers(0, 300))
def test_padding_is_kept_where_the_picture_reaches(given: tuple[Box, tuple[int, int]], padding: int) -> None:
    box, (width, height) = given
    region = crop_region(box, padding, (width, height), (512, 512))
    assert region.left <= max(box.left - padding, 0)
    assert region.bottom >= min(box.bottom + padding, height)


def test_a_small_mask_in_the_corner_is_painted_in_a_square() -> None:
    assert crop_region(Box(0, 0, 10, 20), 10, (100, 100), (512, 512)) == Box(0, 0, 30, 30)
