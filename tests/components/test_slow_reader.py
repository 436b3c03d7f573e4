"""Somebody who does not read what they asked for: the short form of ``python -m tests.soak.slow_reader``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components import stage
from studio.events import Step
from studio.run import Run
from tests.components.serving import Serving
from tests.soak.slow_stream import COMPLETED, SlowReader, narrow

STEPS = 150


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path, behind_proxy=True)
    narrow(made.page)
    yield made
    made.close()


def test_who_does_not_read_holds_nobody_up_and_is_told_the_end_without_stale_pictures(serving: Serving) -> None:
    slow = SlowReader(serving, STEPS)
    tab = serving.artist()
    assert tab.do("paint", tab.values("paint", Prompt="a quick fox", Steps=8))[0]["state"] == "finished"
    (run,) = (run for run in serving.studio.runs._runs.values() if run.request.steps == STEPS)
    list(run)
    told = slow.last()
    assert "quick" not in told
    shown = json.loads(told.removeprefix("data: "))["output"]["data"][0]
    assert shown["state"] == "finished"
    assert len(shown["steps"]) == STEPS
    pictures = [bool(step["src"]) for step in shown["steps"]]
    assert not all(pictures), "those that nobody had looked at when the next was there are not sent"
    assert pictures[-1]


def test_who_reads_is_told_of_every_picture_that_was_made(serving: Serving) -> None:
    tab = serving.artist()
    shown = tab.do("paint", tab.values("paint", Steps=20))[0]
    run: Run = serving.studio.runs.find(shown["run"], serving.studio.runs._runs[shown["run"]].owner)  # type: ignore
    made = [bool(event.preview) for event in run if isinstance(event, Step)]
    assert [bool(step["src"]) for step in shown["steps"]] == made


def test_of_events_that_have_gathered_only_the_last_picture_stays() -> None:
    told: list[Any] = [
        Step(run="r", index=at, total=3, sigma=1.0, timestep=1.0, elapsed_s=0.0, left_s=0.0, preview=b"jpeg")
        for at in range(3)
    ]
    newest: list[Any] = stage.newest(told)
    assert [event.preview for event in newest] == [None, None, b"jpeg"]
    assert stage.newest([]) == []


def test_the_end_is_the_last_thing_that_a_reader_is_told(serving: Serving) -> None:
    assert COMPLETED in SlowReader(serving, 5).last()
