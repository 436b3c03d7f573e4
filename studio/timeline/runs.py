"""The runs there are: whose they are, their trees, and the memory their steps may take."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.run import Run

log = logging.getLogger("stepwise")


@dataclass(frozen=True)
class Gauge:
    """How much the kept steps take."""

    used: int
    """Bytes in memory."""
    budget: int
    """Bytes they may take there."""
    runs: int
    on_disk: int
    """How many of the runs have their steps in files."""


class Runs:
    """Every run since the start, oldest first. Safe from any thread.

    Steps beyond the budget of memory go to files, those that were not looked at for longest
    first, and come back when they are asked for. Beyond ``most`` runs, or that many megabytes of files, the
    tree that was not looked at for longest is forgotten: what it made is saved as pictures anyway.
    """

    def __init__(self, folder: Path, memory_mb: int, disk_mb: int, most: int) -> None:
        self._folder, self._budget, self._disk, self._most = folder, memory_mb * 2**20, disk_mb * 2**20, most
        self._runs: dict[str, Run] = {}
        self._lock = threading.RLock()

    def add(self, run: Run) -> None:
        """Keep a run."""
        with self._lock:
            self._runs[run.id] = run
        run.recording.when_back = partial(self.settle, run)

    def find(self, run_id: str, owner: str) -> Run | None:
        """The run with that id, if it is this owner's."""
        run = self._runs.get(run_id)
        return run if run is not None and run.owner == owner else None

    def of(self, owner: str) -> list[Run]:
        """An owner's runs, oldest first."""
        with self._lock:
            return [run for run in self._runs.values() if run.owner == owner]

    def forget(self, run: Run) -> None:
        """Drop a run and its steps for good."""
        with self._lock:
            self._runs.pop(run.id, None)
        run.recording.forget()

    def tree(self, run: Run) -> list[Run]:
        """The runs that this one is connected with by branches, oldest first, itself included."""
        with self._lock:
            return [other for other in self._runs.values() if other.root is run.root]

    @property
    def gauge(self) -> Gauge:
        """A reading."""
        with self._lock:
            runs = list(self._runs.values())
        used = sum(run.recording.nbytes for run in runs)
        return Gauge(used, self._budget, len(runs), sum(run.recording.on_disk for run in runs))

    def settle(self, looked_at: Run | None = None) -> None:
        """Bring the steps back within their budget, if need be but for those of a run that is looked at: it would
        be read and written again at every look."""
        used = self.gauge.used
        for run in sorted(self._ended(), key=lambda run: run.recording.used):
            if used <= self._budget:
                break
            size = run.recording.nbytes
            if size and run is not looked_at:
                try:
                    run.spill(self._folder / f"{run.id}.steps")
                except OSError as error:
                    log.warning("steps stay in memory: %s", error)
                    break
                used -= size
        while (len(self._runs) > self._most or self._on_disk() > self._disk) and self._forget_oldest_tree():
            pass

    def _on_disk(self) -> int:
        with self._lock:
            return sum(run.recording.file_bytes for run in self._runs.values())

    def _ended(self) -> list[Run]:
        with self._lock:
            return [run for run in self._runs.values() if run.ended]

    def _forget_oldest_tree(self) -> bool:
        with self._lock:
            trees: dict[str, list[Run]] = {}
            for run in self._runs.values():
                trees.setdefault(run.root.id, []).append(run)
            idle = [tree for tree in trees.values() if all(run.ended for run in tree)]
            if not idle:
                return False
            for run in min(idle, key=lambda tree: max(run.recording.used for run in tree)):
                self.forget(run)
            return True
