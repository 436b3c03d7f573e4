"""What was asked for and has not ended yet, on disk: after a crash it is painted all the same."""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from studio.durable import whole
from studio.request import GenerationRequest
from studio.run import Run

log = logging.getLogger("stepwise")


@dataclass(frozen=True)
class Entry:
    """A run that had not ended when its process did."""

    run: str
    owner: str
    request: GenerationRequest
    tries: int
    """How often it was begun."""


class Journal:
    """A file for each run that waits or is painted, written before anybody hears that it waits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = [os.getpid(), psutil.Process().create_time()]

    def write(self, run: Run, tries: int = 1) -> None:
        """Note a run down, and how often it was begun.

        Raises:
            OSError: if it could not be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        entry = {"asked": time.time(), "process": self._process, "tries": tries}
        entry |= {"owner": run.owner, "request": run.request.to_json()}
        with whole(self._file(run.id)) as partial:
            partial.write_text(json.dumps(entry), encoding="utf-8")

    def drop(self, identity: str) -> None:
        """A run with that id has ended. No error if it was not noted down."""
        self._file(identity).unlink(missing_ok=True)

    def left(self) -> list[Entry]:
        """What processes that are gone left behind, the oldest first. A file that cannot be read is
        told in the log and thrown away."""
        found = []
        for file in sorted(self._folder.glob("*.json")):
            try:
                entry = json.loads(file.read_text(encoding="utf-8"))
                if not _runs(*entry["process"]):
                    request = GenerationRequest.from_json(entry["request"])
                    tries, owner = int(entry["tries"]), str(entry["owner"])
                    found.append((float(entry["asked"]), Entry(file.stem, owner, request, tries)))
            except (OSError, ValueError, TypeError, KeyError) as error:
                log.warning("%s is not taken up again: %s", file.name, error)
                file.unlink(missing_ok=True)
        return [entry for _, entry in sorted(found, key=lambda each: each[0])]

    def _file(self, identity: str) -> Path:
        return self._folder / f"{identity}.json"


def _runs(process: int, since: float) -> bool:
    """Whether that very process is still there."""
    try:
        return abs(psutil.Process(process).create_time() - since) < 1
    except psutil.Error:
        return False
