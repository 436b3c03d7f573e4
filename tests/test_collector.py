"""What is made at the start costs no rounds of the garbage collector, then or later."""

from __future__ import annotations

import gc

import pytest

from studio.collector import without_rounds


@pytest.fixture(autouse=True)
def _thawed() -> None:
    gc.unfreeze()


def test_the_collector_rests_during_the_start_and_leaves_what_was_made_alone() -> None:
    with without_rounds():
        assert not gc.isenabled()
        made: list[object] = [[]]
    assert gc.isenabled()
    assert all(kept is not made for kept in gc.get_objects())


def test_what_a_later_studio_finds_is_collected() -> None:
    with without_rounds():
        pass
    garbage: list[object] = []
    garbage.append(garbage)
    with without_rounds():
        pass
    assert any(kept is garbage for kept in gc.get_objects())


def test_a_start_that_fails_brings_the_collector_back_and_one_that_was_off_stays_off() -> None:
    with pytest.raises(ImportError), without_rounds():
        raise ImportError
    assert gc.isenabled()
    gc.disable()
    try:
        with without_rounds():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
