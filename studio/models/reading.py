"""Reading a model's files beside its loading: progress in bytes, the system's cache filled, and then their hashes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor
from pathlib import Path

from studio.models.hashes import Hashes

CHUNK = 2 * 2**20
"""Bytes at a time, into the same piece of memory: it is only the system's cache that shall have them."""


class Reading:
    """Files that are read once through, in a thread of ``pool``, until their model is loaded or it is ``stopped``;
    those of them that ``hashes`` does not know are hashed after that. ``tell`` hears after each chunk how many bytes
    of all are read."""

    def __init__(
        self,
        paths: Sequence[Path],
        hashes: Hashes,
        pool: Executor,
        tell: Callable[[int, int], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._paths, self._hashes, self._tell, self._stopped = paths, hashes, tell, stopped
        self._loaded, self._telling = threading.Event(), threading.Lock()
        self._digests = pool.submit(self._read)

    def loaded(self) -> None:
        """Say that nobody waits for the model any more: from now on nothing is told."""
        with self._telling:
            self._loaded.set()

    def sha256(self, path: Path) -> str:
        """That of one of the files, as 64 digits; waits for it. Empty if it was stopped, or could not be read."""
        try:
            return self._digests.result()[path]
        except (OSError, CancelledError):
            return ""

    def _read(self) -> dict[Path, str]:
        total, done = sum(path.stat().st_size for path in self._paths), 0
        chunk = bytearray(CHUNK)
        for path in self._paths:
            with path.open("rb", buffering=0) as file:
                while not (self._loaded.is_set() or self._stopped()) and (size := file.readinto(chunk)):
                    done += size
                    with self._telling:
                        if not self._loaded.is_set():
                            self._tell(done, total)
        self._loaded.wait()
        return {path: self._hashes.compute(path, self._stopped) for path in self._paths}
