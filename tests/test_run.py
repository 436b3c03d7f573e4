"""A run as its readers see it: every event, in order, from the first to the last."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studio import GenerationRequest, Run
from studio.errors import GenerationFailed, StudioError
from studio.events import Cancelled, Event, Failed, Finished, Produced, Queued, Started

LAST: list[Event] = [
    Finished(run="", elapsed_s=1.0),
    Failed(run="", code="failed", sentence="Ask for less."),
    Cancelled(run="", steps_done=2),
]


def new(lease_s: float | None = None) -> Run:
    return Run(GenerationRequest(), "somebody", lease_s)


def post_all(run: Run, last: Event = LAST[0], between: int = 2) -> None:
    run.post(Queued(run=run.id, ahead=0))
    for _ in range(between):
        run.post(Started(run=run.id, steps=2, evaluations=2))
    run.post(last)


@given(between=st.integers(0, 20), last=st.sampled_from(LAST))
def test_events_are_numbered_without_a_gap(between: int, last: Event) -> None:
    run = new()
    post_all(run, last, between)
    assert [event.sequence for event in run] == list(range(between + 2))


@pytest.mark.parametrize("last", LAST)
def test_nothing_comes_after_the_last_event(last: Event) -> None:
    run = new()
    post_all(run, last)
    seen = list(run)
    assert run.ended
    for late in [Started(run=run.id, steps=1, evaluations=1), *LAST]:
        run.post(late)
    assert list(run) == seen
    assert seen[-1] == last


def test_a_late_reader_sees_every_event_and_so_does_a_second_one() -> None:
    run = new()
    post_all(run)
    assert len(list(run)) == 4
    assert list(run) == list(run)


def test_two_readers_at_once_see_every_event() -> None:
    run = new()
    seen: list[list[int]] = [[], []]

    def read(mine: list[int]) -> None:
        mine.extend(event.sequence for event in run)

    readers = [threading.Thread(target=read, args=[mine], daemon=True) for mine in seen]
    for reader in readers:
        reader.start()
    post_all(run, between=200)
    for reader in readers:
        reader.join(timeout=30)
    assert seen == [list(range(202))] * 2


def test_a_slow_reader_holds_nobody_up() -> None:
    run = new()
    run.post(Queued(run=run.id, ahead=0))
    slow = iter(run)
    assert isinstance(next(slow), Queued)
    run.post(Started(run=run.id, steps=1, evaluations=1))
    run.post(LAST[0])
    assert [event.sequence for event in run] == [0, 1, 2]
    assert [event.sequence for event in slow] == [1, 2]


def test_events_can_be_asked_for_from_a_number_on() -> None:
    run = new()
    run.post(Queued(run=run.id, ahead=0))
    assert [event.sequence for event in run.events_after(0)] == [0]
    assert run.events_after(1, timeout=0) == []
    assert not run.ended


def test_a_run_without_a_lease_is_never_abandoned() -> None:
    assert not new(lease_s=None).abandoned


def test_a_run_whose_lease_is_over_is_abandoned() -> None:
    run = new(lease_s=0)
    assert run.abandoned


def test_renewing_keeps_a_run() -> None:
    run = new(lease_s=3600)
    run.renew()
    assert not run.abandoned


def test_the_result_holds_the_pictures_in_the_order_of_their_seeds(tmp_path: Path) -> None:
    run = new()
    for index, side in ((1, 16), (0, 8)):
        path = tmp_path / f"{index}.png"
        Image.new("RGB", (side, side)).save(path)
        run.post(Produced(run=run.id, index=index, path=path, seed=index, infotext=f"picture {index}"))
    run.post(LAST[0])
    result = run.result
    assert result.infotexts == ("picture 0", "picture 1")
    assert [picture.size for picture in result.images] == [(8, 8), (16, 16)]
    for picture in result.images:
        picture.close()


def test_the_result_of_a_failed_run_is_its_error() -> None:
    run = new()
    post_all(run, LAST[1])
    with pytest.raises(GenerationFailed, match="Ask for less"):
        _ = run.result


def test_the_result_of_a_stopped_run_is_an_error() -> None:
    run = new()
    run.cancel()
    assert run.cancel_asked
    post_all(run, LAST[2])
    with pytest.raises(StudioError, match="stopped"):
        _ = run.result


def test_a_run_shows_how_far_it_is() -> None:
    run = new()
    assert repr(run) == f"<Run {run.id} new, 0 steps>"
    post_all(run)
    assert repr(run) == f"<Run {run.id} finished, 0 steps>"


def test_the_lease_of_a_patient_run_counts_from_its_first_step_on() -> None:
    hasty, patient = new(lease_s=-1.0), Run(GenerationRequest(), "somebody", -1.0, patient=True)
    assert hasty.abandoned
    assert not patient.abandoned, "it waits for its turn as long as that takes"
    patient.post(Started(run=patient.id, steps=2, evaluations=2))
    assert patient.abandoned
