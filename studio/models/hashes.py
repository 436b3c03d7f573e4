"""SHA-256 of model files, computed once and remembered as long as a file stays as it is."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("stepwise")
_CHUNK = 2**22
_TABLE = "CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, size INT, changed INT, sha256 TEXT)"
Stamp = tuple[int, int]
"""Bytes, and nanoseconds of the last change."""


class Hashes:
    """SHA-256 by path, size and time of change, kept in one SQLite file. Any thread may ask."""

    def __init__(self, file: Path | None = None) -> None:
        """``file`` need not be there yet; one that is damaged is made anew. Without one they are remembered as long
        as the process runs."""
        self._file, self._lock = file, threading.Lock()
        self._known: dict[str, tuple[Stamp, str]] = {}
        if file is not None and file.is_file():
            try:
                self._known = {path: ((size, changed), sha) for path, size, changed, sha in _read(file)}
            except sqlite3.DatabaseError as error:
                log.warning("the remembered hashes of models cannot be read and are computed again: %s", error)
                file.unlink(missing_ok=True)

    def known(self, path: Path) -> str:
        """The SHA-256 of a file as 64 digits; empty while it has not been computed for the file as it now is."""
        stamp, sha256 = self._known.get(spelt(path), ((0, 0), ""))
        return sha256 if sha256 and stamp == _stamp(path) else ""

    def compute(self, path: Path, stopped: Callable[[], bool] = lambda: False) -> str:
        """The SHA-256 of a file, read now if it is not known. ``stopped`` is asked before every 4 MB, and may
        take its time to answer. Empty if it was stopped, or changed meanwhile.

        Raises:
            OSError: if the file cannot be read or the result cannot be kept.
        """
        if known := self.known(path):
            return known
        stamp, sha = _stamp(path), hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if stopped():
                    return ""
                sha.update(chunk)
        if stamp is None or _stamp(path) != stamp:
            return ""
        self.keep(path, sha.hexdigest())
        return sha.hexdigest()

    def keep(self, path: Path, sha256: str) -> None:
        """Remember the SHA-256 of a file as it now is, for whoever has read it anyway.

        Raises:
            OSError: if the file is not there, or the result cannot be kept.
        """
        stamp = _stamp(path)
        if stamp is None:
            raise FileNotFoundError(path)
        with self._lock:
            self._known[spelt(path)] = (stamp, sha256)
            if self._file is None:
                return
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                with contextlib.closing(sqlite3.connect(self._file)) as connection, connection:
                    connection.execute(_TABLE)
                    connection.execute("REPLACE INTO hashes VALUES (?, ?, ?, ?)", (spelt(path), *stamp, sha256))
            except sqlite3.Error as error:
                raise OSError(f"the hash could not be kept: {error}") from error


def spelt(path: Path) -> str:
    """A path as text that can be written everywhere: bytes of its names that are no UTF-8 become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def short(sha256: str) -> str:
    """The hash that the AUTOMATIC1111 web UI shows and writes: the first ten digits."""
    return sha256[:10]


def of_weights(told: str) -> str:
    """The hash of a LoRA or a textual inversion that the web UI writes: the first twelve digits. ``told`` may be what
    a stranger's file says of itself; empty if that is none."""
    digits = told.lower().removeprefix("0x")
    return digits[:12] if re.fullmatch("[0-9a-f]{12,64}", digits) else ""


def _read(file: Path) -> list[tuple[str, int, int, str]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute(_TABLE)
        return connection.execute("SELECT path, size, changed, sha256 FROM hashes").fetchall()


def _stamp(path: Path) -> Stamp | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_size, told.st_mtime_ns
