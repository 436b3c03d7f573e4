"""Weights on their way, as the page tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from components.loading import MEGABYTE, Downloading
from studio.canvas import preprocess
from studio.errors import StudioError


def test_it_tells_how_far_it_is_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    read = threading.Event()

    def download(name: str, tell: Callable[[int, int], None]) -> None:
        tell(5 * MEGABYTE, 20 * MEGABYTE)
        assert read.wait(10)

    monkeypatch.setattr(preprocess, "download", download)
    told = Downloading("Soft edges (HED)")
    for sentence in told.sentences():
        if sentence == "5 of 20 MB":
            read.set()
    assert read.is_set()
    assert told.end == ""


def test_what_goes_wrong_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, tell: Callable[[int, int], None]) -> None:
        raise StudioError("The hub could not be reached.")

    monkeypatch.setattr(preprocess, "download", download)
    told = Downloading("Soft edges (HED)")
    assert list(told.sentences())[:1] == ["Asking the hub…"]
    assert told.end == "The hub could not be reached."


def test_whoever_leaves_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()

    def download(name: str, tell: Callable[[int, int], None]) -> None:
        try:
            while not stopped.wait(0.01):
                tell(1, 2)
        except Exception:
            stopped.set()
            raise

    monkeypatch.setattr(preprocess, "download", download)
    reading = Downloading("Soft edges (HED)").sentences()
    next(reading)
    reading.close()
    assert stopped.wait(10)
