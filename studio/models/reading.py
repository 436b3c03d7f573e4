"""Reading a model's files once through: progress in bytes, their hash, and the system's cache filled with them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from studio.errors import LoadingStopped

CHUNK = 16 * 2**20


def read_through(paths: Sequence[Path], tell: Callable[[int, int], None], stop: threading.Event) -> dict[Path, bytes]:
    """The SHA-256 of every file. ``tell`` hears after each chunk how many bytes of all are read.

    Raises:
        LoadingStopped: as soon as ``stop`` is set.
    """
    total, done = sum(path.stat().st_size for path in paths), 0
    digests = {}
    for path in paths:
        digest = hashlib.sha256()
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                if stop.is_set():
                    raise LoadingStopped("Loading was stopped.")
                digest.update(chunk)
                done += len(chunk)
                tell(done, total)
        digests[path] = digest.digest()
    return digests
