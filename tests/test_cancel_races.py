"""Stops in a race with new runs: the short form of ``python -m tests.soak.cancels``."""

from __future__ import annotations

from studio import GenerationRequest, Studio
from studio.events import Cancelled, Finished
from tests.soak.cancels import races


def test_only_what_was_stopped_is_stopped_and_the_rest_is_finished(studio: Studio) -> None:
    done = races(studio, 40, 3, GenerationRequest(model="tiny-v", width=64, height=64))
    assert len(done) == 40
    assert [race.fault for race in done if race.fault] == []
    assert {type(race.run.last_event) for race in done} == {Cancelled, Finished}
