"""Once a day what is due is thrown away for good."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from studio import Settings, Studio
from studio.gallery.collection import Collection


def test_a_day_on_which_it_fails_is_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    purged, refused = threading.Event(), iter([True, True])

    def purge(_: Collection) -> None:
        if next(refused, False):
            raise sqlite3.OperationalError("database is locked")
        purged.set()

    monkeypatch.setattr("studio.studio.DAY_S", 0.01)
    monkeypatch.setattr(Collection, "purge", purge)
    with Studio(Settings(outputs=tmp_path, device="cpu", precision="fp32")):
        assert purged.wait(60)
