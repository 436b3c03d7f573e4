"""SHA-256 of model files, computed once and remembered as long as a file stays as it is."""

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path

from studio.durable import whole
from studio.models.scan import read_json

_CHUNK = 2**22


class Hashes:
    """SHA-256 by path, size and time of change, kept in one JSON file. Any thread may ask."""

    def __init__(self, file: Path) -> None:
        """``file`` need not be there yet; one that is damaged is made anew."""
        self._file, self._lock = file, threading.Lock()
        self._known = {path: _entry(said) for path, said in read_json(file).items()}

    def known(self, path: Path) -> str:
        """The SHA-256 of a file as 64 digits; empty while it has not been computed for the file as it now is."""
        digest, stamp = self._known.get(str(path), ("", ()))
        return digest if digest and stamp == _stamp(path) else ""

    def compute(self, path: Path, stopped: Callable[[], bool] = lambda: False) -> str:
        """The SHA-256 of a file, read now if it is not known. Empty if it was stopped, or changed meanwhile.

        Raises:
            OSError: if the file cannot be read or the result cannot be kept.
        """
        if digest := self.known(path):
            return digest
        stamp, sha = _stamp(path), hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if stopped():
                    return ""
                sha.update(chunk)
        if _stamp(path) != stamp:
            return ""
        self._keep(str(path), (sha.hexdigest(), stamp))
        return sha.hexdigest()

    def _keep(self, path: str, entry: tuple[str, tuple[int, ...]]) -> None:
        with self._lock:
            self._known = self._known | {path: entry}
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with whole(self._file) as partial:
                partial.write_text(json.dumps(self._known), encoding="utf-8")


def short(sha256: str) -> str:
    """The hash that the AUTOMATIC1111 web UI shows and writes: the first ten digits."""
    return sha256[:10]


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        told = path.stat()
    except OSError:
        return ()
    return told.st_size, told.st_mtime_ns


def _entry(said: object) -> tuple[str, tuple[int, ...]]:
    match said:
        case [str(digest), [int(size), int(time)]] if len(digest) == 64:
            return digest, (size, time)
    return "", ()
