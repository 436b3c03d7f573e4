"""Somebody who does not read what they asked for: the short form of ``python -m tests.soak.slow_reader``."""

from __future__ import annotations

from pathlib import Path

from tests.components.serving import Serving
from tests.soak.slow_reader import SlowReader, paint_beside


def test_who_does_not_read_holds_nobody_up_and_is_told_the_end(tmp_path: Path) -> None:
    serving = Serving(tmp_path, behind_proxy=True)
    try:
        slow = SlowReader(serving, steps=60)
        assert paint_beside(serving)
        assert b"quick" not in (told := slow.read_all())
        assert b"process_completed" in told
        assert b'"finished"' in told
    finally:
        serving.close()
