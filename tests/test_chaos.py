"""Strangers who wait, stop, break off, never listen and hardly read, while memory runs out now and then; and a kill.

The short form of ``python -m tests.soak.chaos``.
"""

from __future__ import annotations

from pathlib import Path

from tests.soak.chaos import chaos


def test_after_chaos_nothing_is_stuck_or_lost_and_a_killed_studio_goes_on(tmp_path: Path) -> None:
    found = chaos(tmp_path, seed=7, seconds=6, strangers=3, lease_s=2.0)
    assert found.met.faults == []
    assert not any(found.left_over.values())
    assert found.met.finished
    assert found.lost == []
    assert found.taken_up
    assert found.not_taken_up == []
