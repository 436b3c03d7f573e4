"""Licences that whoever runs this studio has accepted, each once."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from studio.durable import whole
from studio.errors import StudioError
from studio.models.beside import read_json
from studio.models.catalogue import Licence


class LicenceNotAccepted(StudioError):
    """A licence has to be read and accepted first."""

    code = "licence"


class Licences:
    """What was accepted, and when, in one JSON file."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, threading.Lock()

    def accepted(self, licence: Licence) -> bool:
        """Whether somebody has accepted it here."""
        return licence.id in read_json(self._file)

    def accept(self, licence: Licence) -> None:
        """Remember that it was accepted now.

        Raises:
            OSError: if it could not be written down.
        """
        with self._lock:
            known = read_json(self._file) | {licence.id: {"url": licence.url, "accepted": int(time.time())}}
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with whole(self._file) as partial:
                partial.write_text(json.dumps(known, indent=1), encoding="utf-8")

    def require(self, licence: Licence) -> None:
        """Go on only if it was accepted.

        Raises:
            LicenceNotAccepted: if it was not.
        """
        if not self.accepted(licence):
            raise LicenceNotAccepted(f"Read and accept the licence first: {licence.name}, {licence.url}")
