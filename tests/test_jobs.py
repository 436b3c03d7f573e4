"""The queue: bounded, fair, and what it shows is what happens."""

from __future__ import annotations

import threading

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from studio import GenerationRequest, Run
from studio.errors import QueueFull
from studio.events import Queued
from studio.jobs import Jobs

SIZE, PER_OWNER = 6, 3


def run_of(owner: str) -> Run:
    return Run(GenerationRequest(), owner, None)


def filled(jobs: Jobs, owners: str) -> list[Run]:
    runs = [run_of(owner) for owner in owners]
    for run in runs:
        jobs.put(run)
    return runs


def drained(jobs: Jobs) -> str:
    return "".join(run.owner for run in iter(jobs.take, None))


def test_an_empty_queue_gives_nothing_at_once() -> None:
    assert Jobs(SIZE, PER_OWNER).take() is None


def test_one_owners_runs_come_in_the_order_they_were_put() -> None:
    jobs = Jobs(SIZE, PER_OWNER)
    runs = filled(jobs, "aaa")
    assert [jobs.take() for _ in runs] == runs


def test_owners_take_turns() -> None:
    jobs = Jobs(SIZE, PER_OWNER)
    filled(jobs, "aaabbc")
    assert drained(jobs) == "abcaba"


def test_a_newcomer_waits_for_one_run_of_everybody_at_most() -> None:
    jobs = Jobs(SIZE, PER_OWNER)
    filled(jobs, "aaab")
    last = run_of("c")
    jobs.put(last)
    assert last.events_after(0)[0] == Queued(run=last.id, ahead=2)
    assert drained(jobs) == "abcaa"


def test_a_full_queue_refuses_and_stays_as_it_is() -> None:
    jobs = Jobs(SIZE, PER_OWNER)
    runs = filled(jobs, "aaabbb")
    with pytest.raises(QueueFull, match="6 pictures are waiting already"):
        jobs.put(run_of("c"))
    assert set(jobs.waiting()) == set(runs)
    assert drained(jobs) == "ababab"


def test_one_owner_cannot_fill_the_queue() -> None:
    jobs = Jobs(SIZE, PER_OWNER)
    filled(jobs, "aaa")
    with pytest.raises(QueueFull, match="You have 3 pictures waiting"):
        jobs.put(run_of("a"))
    theirs = run_of("b")
    jobs.put(theirs)
    assert theirs.events_after(0)[0] == Queued(run=theirs.id, ahead=1)


def test_a_removed_run_is_never_taken_and_leaves_room() -> None:
    jobs = Jobs(SIZE, PER_OWNER)
    first, second, third = filled(jobs, "aaa")
    assert jobs.remove(second)
    assert not jobs.remove(second)
    assert jobs.waiting() == [first, third]
    jobs.put(run_of("a"))
    assert len(jobs) == 3


def test_a_run_that_was_taken_cannot_be_removed() -> None:
    jobs = Jobs(SIZE, PER_OWNER)
    (run,) = filled(jobs, "a")
    assert jobs.take() is run
    assert not jobs.remove(run)


def test_a_closed_queue_takes_no_more_but_gives_what_waits() -> None:
    jobs = Jobs(SIZE, PER_OWNER)
    filled(jobs, "ab")
    jobs.close()
    assert jobs.closed
    with pytest.raises(QueueFull, match="closing"):
        jobs.put(run_of("a"))
    assert jobs.take(timeout=None)
    assert jobs.take(timeout=None)
    assert jobs.take(timeout=None) is None


@pytest.mark.parametrize("wake", ["close", "put"])
def test_who_waits_is_woken_by_a_close_and_by_a_run(wake: str) -> None:
    jobs = Jobs(SIZE, PER_OWNER)
    taken: list[Run | None] = []
    taker = threading.Thread(target=lambda: taken.append(jobs.take(timeout=None)), daemon=True)
    taker.start()
    run = run_of("a")
    if wake == "put":
        jobs.put(run)
    else:
        jobs.close()
    taker.join(timeout=30)
    assert taken == [run if wake == "put" else None]


def test_an_errand_waits_for_what_it_needs_and_holds_up_no_other() -> None:
    jobs, needs = Jobs(SIZE, PER_OWNER), GenerationRequest(model="slow")
    waits, other = jobs.ask(lambda: "slow", needs), jobs.ask(lambda: "quick")
    jobs.run_errands(lambda _: False)
    assert other.result(0) == "quick"
    jobs.run_errands(lambda _: False)
    assert not waits.done()
    assert jobs.asked() == [needs]
    jobs.run_errands()
    assert waits.result(0) == "slow"
    assert jobs.asked() == []


def test_who_waits_is_not_kept_busy_by_an_errand_that_waits_and_is_woken_when_it_need_not() -> None:
    jobs, tried = Jobs(SIZE, PER_OWNER), threading.Event()
    answer = jobs.ask(lambda: "done", GenerationRequest())
    jobs.run_errands(lambda _: False)
    woken = threading.Event()

    def wait() -> None:
        tried.set()
        jobs.take(timeout=None)
        woken.set()

    threading.Thread(target=wait, daemon=True).start()
    assert tried.wait(30)
    assert not woken.wait(0.2)
    jobs.wake()
    assert woken.wait(30)
    jobs.run_errands()
    assert answer.result(0) == "done"


def test_an_errand_that_waits_is_cancelled_by_a_close() -> None:
    jobs = Jobs(SIZE, PER_OWNER)
    answer = jobs.ask(lambda: "done", GenerationRequest())
    jobs.run_errands(lambda _: False)
    jobs.close()
    assert answer.cancelled()


class AnyUse(RuleBasedStateMachine):
    """Whatever is put, taken and removed: nothing is lost, nothing comes twice, turns stay fair."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs = Jobs(SIZE, PER_OWNER)
        self.inside: list[Run] = []
        """What should wait, in the order it was put."""

    @rule(owner=st.sampled_from("abcd"))
    def put(self, owner: str) -> None:
        run = run_of(owner)
        full = len(self.inside) >= SIZE or sum(other.owner == owner for other in self.inside) >= PER_OWNER
        if full:
            with pytest.raises(QueueFull):
                self.jobs.put(run)
            return
        self.jobs.put(run)
        self.inside.append(run)
        assert run.events_after(0) == [Queued(run=run.id, ahead=self.jobs.waiting().index(run))]

    @rule()
    def take(self) -> None:
        shown = self.jobs.waiting()
        taken = self.jobs.take()
        assert taken is (shown[0] if shown else None)
        assert self.jobs.waiting() == shown[1:]
        if taken is not None:
            self.inside.remove(taken)

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.inside))
        shown = self.jobs.waiting()
        assert self.jobs.remove(run)
        self.inside.remove(run)
        left = self.jobs.waiting()
        assert run not in left
        assert len(left) == len(shown) - 1

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        shown = self.jobs.waiting()
        assert len(shown) == len(self.jobs) == len(self.inside)
        for owner in "abcd":
            mine = [run for run in self.inside if run.owner == owner]
            assert [run for run in shown if run.owner == owner] == mine

    @invariant()
    def everybody_has_one_turn_before_anybody_has_two(self) -> None:
        shown = [run.owner for run in self.jobs.waiting()]
        assert len(set(shown[: len(set(shown))])) == len(set(shown))

    def teardown(self) -> None:
        shown = self.jobs.waiting()
        assert [*iter(self.jobs.take, None)] == shown


TestAnyUse = AnyUse.TestCase


def test_an_errand_is_done_between_rounds_and_answers() -> None:
    jobs = Jobs(4, 4)
    answer, broken = jobs.ask(lambda: 6 * 7), jobs.ask(lambda: int("six"))
    assert jobs.take(timeout=None) is None, "an errand wakes who waits for a run"
    jobs.run_errands()
    assert answer.result(0) == 42
    assert not broken.done(), "one before every round: painting goes on whoever asks how much"
    jobs.run_errands()
    with pytest.raises(ValueError, match="six"):
        broken.result(0)


def test_errands_of_a_closed_queue_are_cancelled() -> None:
    jobs = Jobs(4, 4)
    before = jobs.ask(lambda: 1)
    jobs.close()
    assert before.cancelled()
    assert jobs.ask(lambda: 1).cancelled()
