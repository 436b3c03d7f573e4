"""Several artists at once, over HTTP: the short form of ``python -m tests.soak.artists``."""

from __future__ import annotations

from pathlib import Path

from tests.components.serving import Serving
from tests.soak.artists import load


def test_artists_at_once_all_get_their_pictures_and_leave_nothing_behind(tmp_path: Path) -> None:
    serving = Serving(tmp_path, behind_proxy=True)
    try:
        found = load(serving, artists=5, seconds=0, pictures=2)
    finally:
        serving.close()
    assert found.lost == 0
    assert found.left_over == 0
    assert found.refusals == 0
    assert all(len(artist.finished) >= 2 for artist in found.artists)
