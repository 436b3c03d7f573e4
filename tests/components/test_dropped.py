"""Readers who go away, over HTTP: the short form of ``python -m tests.soak.dropped``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.events import Paused
from tests.components.serving import Serving
from tests.soak.dropped import STEPS, Painted, leave, never_listen


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path, behind_proxy=True)
    yield made
    made.close()


def test_runs_of_broken_connections_are_put_aside_and_the_next_paints(serving: Serving) -> None:
    painted = Painted(serving)
    for _ in range(4):
        left = leave(serving, painted)
        assert isinstance(left.end, Paused)
        assert left.end.steps_done < STEPS
    assert serving.studio.engine is not None
    assert serving.studio.engine.runs == []
    tab = serving.artist()
    assert tab.do("paint", tab.values("paint", Steps=2))
    assert painted.next().result.paths


def test_a_run_nobody_ever_listened_to_is_put_aside(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.bindings.LEASE_S", 1.0)
    left = never_listen(serving, Painted(serving))
    assert isinstance(left.end, Paused)
    assert left.end.steps_done < STEPS
