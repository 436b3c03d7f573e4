"""What a studio keeps for sharing: its links, and what everybody may have painted."""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from studio import limits
from studio.durable import whole
from studio.errors import OverAllowance
from studio.gallery.pictures import LOCAL
from studio.sharing.budget import Allowance, Budget, Charge
from studio.sharing.links import HOUR_S, Links
from studio.timeline.words import steps_taken

if TYPE_CHECKING:
    from studio.run import Run

log = logging.getLogger("stepwise")


class Sharing:
    """Kept in a folder of the outputs. Safe from any thread."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock = folder, clock
        self._budget, self._pending, self._failed = Budget(), list[tuple["Run", Charge]](), list[float]()
        self._failed_ever = 0
        self._lock = threading.RLock()
        self._links: Links | None = None
        self.allowance = _read(folder / "allowance.json")
        """What the owner grants every other person."""

    @property
    def links(self) -> Links:
        """The links; their folder is made when they are first asked for.

        Raises:
            OSError: if it cannot be written.
        """
        with self._lock:
            if self._links is None:
                self._links = Links(self._folder, self._clock)
            return self._links

    def grant(self, allowance: Allowance) -> None:
        """Set what everybody may have painted, from now on.

        Raises:
            OSError: if it could not be kept; then the old one stays.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole(self._folder / "allowance.json") as partial:
            partial.write_text(json.dumps(dataclasses.asdict(allowance)), encoding="utf-8")
        self.allowance = allowance

    def admit(self, run: Run) -> None:
        """Take a run from its owner's day, or say why not. What is not painted comes back.

        Raises:
            OverAllowance: with a sentence, and the time when there is room again.
        """
        with self._lock:
            self._settle()
            if run.owner != LOCAL:
                self._check(run)
            self._pending.append((run, self._budget.charge(run.owner, _work(run), self._clock())))

    def dropped(self, run: Run) -> None:
        """The run was refused after all: it takes nothing."""
        with self._lock:
            for pending in [pending for pending in self._pending if pending[0] is run]:
                self._pending.remove(pending)
                self._budget.settle(pending[1], 0)

    def used(self, person: str) -> int:
        """Pixels times steps painted for a person, or promised to them, within 24 hours."""
        with self._lock:
            self._settle()
            return self._budget.used(person, self._clock())

    def failures(self) -> int:
        """Runs that failed within the last hour."""
        with self._lock:
            self._settle()
            return len(self._failed)

    @property
    def failed(self) -> int:
        """Runs that failed since the start."""
        with self._lock:
            self._settle()
            return self._failed_ever

    def _check(self, run: Run) -> None:
        allowed, request = self.allowance, run.request
        if allowed.side and max(request.width, request.height) > allowed.side:
            raise OverAllowance(f"Here a picture may be up to {allowed.side} pixels wide and high: make it smaller.")
        mine = sum(pending.owner == run.owner for pending, _ in self._pending)
        if allowed.waiting and mine >= allowed.waiting:
            raise OverAllowance(f"You have {mine} runs under way: let one finish, or stop one.")
        now = self._clock()
        wait = self._budget.room_in(run.owner, _work(run), allowed.work_a_day, now)
        if wait is None:
            raise OverAllowance(
                "This is more than the whole of what you may paint in a day: lower the size or the steps."
            )
        if wait:
            at = time.strftime("%H:%M on %d %B", time.localtime(now + wait + 60))
            raise OverAllowance(f"You have painted what you may in a day. There is room for this again at {at}.")

    def _settle(self) -> None:
        now, open_ = self._clock(), []
        for run, charge in self._pending:
            if not run.ended:
                open_.append((run, charge))
                continue
            self._budget.settle(charge, _painted(run))
            if type(run.last_event).__name__ == "Failed":
                self._failed.append(now)
                self._failed_ever += 1
        self._pending = open_
        self._failed = [at for at in self._failed if at > now - HOUR_S]


def _work(run: Run) -> int:
    """What is to be painted: of a branch, the steps that remain; from a picture, those it does not stand in for."""
    request = run.request
    branched = request.branch is not None and run.kept
    done = steps_taken(request.branch.request, run.kept) if request.branch and branched else request.skipped
    return limits.work(request) * max(request.steps - done, 0) // max(request.steps, 1)


def _painted(run: Run) -> int:
    steps = max(run.evaluations - run.kept, 1)
    return _work(run) if run.succeeded else _work(run) * min(run.recording.made, steps) // steps


def _read(file: Path) -> Allowance:
    try:
        return Allowance(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Allowance()
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s cannot be read, so the usual limits hold: %s", file, error)
        return Allowance()
