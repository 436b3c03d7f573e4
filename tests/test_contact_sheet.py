"""The grid of a batch holds all its pictures and wastes no row."""

from hypothesis import given
from hypothesis import strategies as st

from studio.contact_sheet import grid


@given(st.integers(1, 10_000))
def test_everything_fits_and_no_row_is_empty(count: int) -> None:
    columns, rows = grid(count)
    assert columns * rows >= count > columns * (rows - 1)
    assert 0 <= columns - rows <= 1
