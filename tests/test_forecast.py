"""When waiting runs begin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import GenerationRequest, Run
from studio.forecast import begins, starts
from studio.pace import Kind, Pace
from studio.turns import QUANTUM_S, InHand

seconds = st.lists(st.floats(0.1, 100), max_size=8)


def alone(runs: int) -> float:
    return float(runs)


def test_in_turn_each_waits_for_those_before_it() -> None:
    assert starts([4.0], [2.0, 3.0, 1.0], 1, alone) == [4.0, 6.0, 9.0]


def test_two_at_once_share_the_time() -> None:
    assert starts([1.0, 3.0], [5.0], 2, alone) == [2.0]
    assert starts([1.0, 3.0], [5.0], 2, lambda _: 1.0) == [1.0]


def test_room_means_at_once() -> None:
    assert starts([5.0], [1.0, 1.0, 1.0], 3, alone)[:2] == [0.0, 0.0]


@given(seconds, seconds, st.integers(1, 5))
def test_nobody_begins_before_those_ahead_or_after_all_work_is_done(
    left: list[float], waiting: list[float], slots: int
) -> None:
    begin = starts(left, waiting, slots, alone)
    assert len(begin) == len(waiting)
    assert begin == sorted(begin)
    assert all(0 <= each <= sum(left) + sum(waiting) + 1e-6 for each in begin)


def run_of(steps: int, **settings: float) -> Run:
    return Run(GenerationRequest(model="model", width=128, height=128, steps=steps, **settings), "a")  # type: ignore[arg-type]


def test_runs_are_forecast_from_measured_forwards() -> None:
    pace = Pace()
    painted, waiting = (run_of(20), InHand("a")), [run_of(10), run_of(10)]
    assert begins([painted], waiting, 1, pace) == [None, None]
    pace.count(Kind("model", 128, 128), 2, 0.1)
    assert begins([painted], waiting, 1, pace) == pytest.approx([2.0, 3.0])


def test_a_long_run_holds_up_nobody_longer_than_its_turn() -> None:
    pace = Pace()
    pace.count(Kind("model", 128, 128), 2, 1.0)
    (wait,) = begins([(run_of(150), InHand("a", served_s=4.0))], [run_of(10)], 1, pace)
    assert wait == pytest.approx(QUANTUM_S - 4.0)
