"""Weights being fetched, as sentences for the page while it goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator

from studio.canvas import preprocess
from studio.errors import StudioError

EVERY_S = 0.5
MEGABYTE = 2**20


class Left(Exception):
    """Nobody waits for it any more."""


class Downloading:
    """One preprocessor's weights on their way. Whoever stops reading stops the download; what has
    come stays, and the next one goes on from there."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left = threading.Event()
        self._told: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
        self.end = ""
        """How it ended, once it has."""

    def sentences(self) -> Generator[str]:
        """How far it is, until it has ended."""
        thread = threading.Thread(target=self._work, daemon=True)
        thread.start()
        sentence = "Asking the hub…"
        try:
            while thread.is_alive() or not self._told.empty():
                yield sentence
                sentence = self._newest() or sentence
        finally:
            self._left.set()

    def _newest(self) -> str:
        told = None
        try:
            told = self._told.get(timeout=EVERY_S)
            while not self._told.empty():
                told = self._told.get()
        except queue.Empty:
            return ""
        return f"{told[0] / MEGABYTE:.0f} of {told[1] / MEGABYTE:.0f} MB" if told else ""

    def _work(self) -> None:
        try:
            preprocess.download(self._name, self._tell)
        except StudioError as error:
            self.end = str(error)
        except Left:
            self.end = ""
        self._told.put(None)

    def _tell(self, done: int, total: int) -> None:
        if self._left.is_set():
            raise Left
        self._told.put((done, total))
