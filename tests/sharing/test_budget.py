"""What one person may have painted in a day."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import GenerationRequest, Run
from studio.errors import OverAllowance
from studio.events import Cancelled, Failed
from studio.sharing.budget import DAY_S, Allowance, Budget
from studio.sharing.sharing import Sharing

AMOUNTS = st.integers(-100, 1000)
ACTS = st.lists(st.tuples(st.sampled_from("ab"), AMOUNTS, AMOUNTS, st.integers(0, int(DAY_S))), max_size=30)


@given(ACTS)
def test_use_is_never_negative_and_never_more_than_was_taken_within_a_day(
    acts: list[tuple[str, int, int, int]],
) -> None:
    budget, now = Budget(), 0.0
    taken: list[tuple[str, int, float]] = []
    for person, amount, painted, passed in acts:
        now += passed
        budget.settle(budget.charge(person, amount, now), painted)
        taken.append((person, max(amount, 0), now))
        for each in "ab":
            within = sum(amount for who, amount, at in taken if who == each and at > now - DAY_S)
            assert 0 <= budget.used(each, now) <= within
    assert budget.used("a", now + DAY_S) == budget.used("b", now + DAY_S) == 0


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, int(DAY_S))), max_size=20),
    st.integers(0, 150),
    st.integers(1, 120),
)
def test_there_is_room_when_it_says_so_and_not_before(charges: list[tuple[int, int]], amount: int, limit: int) -> None:
    budget, now = Budget(), 0.0
    for size, passed in charges:
        now += passed
        budget.charge("a", size, now)
    wait = budget.room_in("a", amount, limit, now)
    if wait is None:
        assert amount > limit
        return
    assert 0 <= wait <= DAY_S
    if wait:
        assert budget.used("a", now) + amount > limit
    assert budget.used("a", now + wait + 1e-3) + amount <= limit


def test_what_was_not_painted_comes_back() -> None:
    budget = Budget()
    charge = budget.charge("a", 100, 0.0)
    budget.settle(charge, 30)
    assert budget.used("a", 1.0) == 30
    budget.settle(charge, 500)
    assert budget.used("a", 1.0) == 30


def run(owner: str = "user-ada", side: int = 64, steps: int = 10) -> Run:
    return Run(GenerationRequest(width=side, height=side, steps=steps), owner)


def test_a_day_that_is_full_is_refused_with_the_time_of_room(tmp_path: Path) -> None:
    sharing = Sharing(tmp_path)
    sharing.grant(Allowance(work_a_day=64 * 64 * 15))
    first = run()
    sharing.admit(first)
    with pytest.raises(OverAllowance, match=r"room for this again at \d\d:\d\d"):
        sharing.admit(run())
    sharing.admit(run("user-eve"))
    first.post(Cancelled(run=first.id, steps_done=0))
    sharing.admit(run())


def test_size_and_runs_under_way_are_limited_but_not_for_the_owner(tmp_path: Path) -> None:
    sharing = Sharing(tmp_path)
    sharing.grant(Allowance(waiting=2, side=128, work_a_day=0))
    with pytest.raises(OverAllowance, match="128 pixels"):
        sharing.admit(run(side=136))
    one = run()
    sharing.admit(one)
    sharing.admit(run())
    with pytest.raises(OverAllowance, match="2 runs under way"):
        sharing.admit(run())
    one.post(Failed(run=one.id, code="failed", sentence="no"))
    sharing.admit(run())
    assert sharing.failures() == 1
    for _ in range(4):
        sharing.admit(run("local", side=512))


def test_what_the_queue_refuses_takes_nothing(tmp_path: Path) -> None:
    sharing = Sharing(tmp_path)
    refused = run()
    sharing.admit(refused)
    sharing.dropped(refused)
    assert sharing.used("user-ada") == 0


def test_limits_outlive_a_restart_and_damage(tmp_path: Path) -> None:
    Sharing(tmp_path).grant(Allowance(waiting=3))
    assert Sharing(tmp_path).allowance.waiting == 3
    (tmp_path / "allowance.json").write_text('{"waiting": -1}', encoding="utf-8")
    assert Sharing(tmp_path).allowance == Allowance()
