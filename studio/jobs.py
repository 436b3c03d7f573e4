"""The queue: bounded, fair between people, first come first served within one person's jobs."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from studio.errors import QueueFull
from studio.events import Queued
from studio.request import GenerationRequest
from studio.run import Run

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Errand:
    act: Callable[[], Any]
    answer: Future[Any]
    request: GenerationRequest | None


class Jobs:
    """Runs that wait for the engine. Owners take turns, so that twenty jobs of one person do not
    hold up another's first. Safe to use from any thread."""

    def __init__(self, size: int, per_owner: int) -> None:
        self._size, self._per_owner = size, per_owner
        self._owners: OrderedDict[str, deque[Run]] = OrderedDict()
        self._errands: list[_Errand] = []
        self._looked = False
        """Whether none of the errands could be done, and nothing has changed since."""
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        with self._changed:
            return sum(len(waiting) for waiting in self._owners.values())

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def put(self, run: Run, accepted: bool = False) -> None:
        """Let the run wait, and tell it how many come before it. One that was accepted before, by an
        earlier process, is never refused for want of room.

        Raises:
            QueueFull: when its owner or everybody together has too many waiting.
        """
        with self._changed:
            mine = self._owners.get(run.owner, deque())
            if self._closed:
                raise QueueFull("The studio is closing.")
            if len(mine) >= self._per_owner and not accepted:
                raise QueueFull(f"You have {len(mine)} pictures waiting already: let one finish, or stop one.")
            if len(self) >= self._size and not accepted:
                raise QueueFull(f"{len(self)} pictures are waiting already: try again in a moment.")
            self._owners.setdefault(run.owner, mine).append(run)
            run.post(Queued(run=run.id, ahead=self._order().index(run)))
            self._changed.notify_all()

    def take(self, timeout: float | None = 0, wanted: Callable[[Run], bool] = lambda _: True) -> Run | None:
        """The first of the owners' next runs that is wanted, waiting ``timeout`` seconds for one to
        come (None: until there is one, an errand, or the queue is closed)."""
        with self._changed:
            self._changed.wait_for(lambda: self._owners or self._closed or self._has_errand(), timeout)
            found = self._first(wanted)
            if found is None and self._owners and timeout and not (self._closed or self._has_errand()):
                self._changed.wait(timeout)
                found = self._first(wanted)
            return found

    def wake(self) -> None:
        """What was not wanted may be wanted now: look again."""
        with self._changed:
            self._looked = False
            self._changed.notify_all()

    def _has_errand(self) -> bool:
        return bool(self._errands) and not self._looked

    def _first(self, wanted: Callable[[Run], bool]) -> Run | None:
        for owner, waiting in self._owners.items():
            if wanted(waiting[0]):
                run = waiting.popleft()
                del self._owners[owner]
                if waiting:
                    self._owners[owner] = waiting
                return run
        return None

    def remove(self, run: Run) -> bool:
        """Take a waiting run out; False if it was not waiting any more."""
        with self._changed:
            waiting = self._owners.get(run.owner)
            if waiting is None or run not in waiting:
                return False
            waiting.remove(run)
            if not waiting:
                del self._owners[run.owner]
            return True

    def ask(self, errand: Callable[[], T], request: GenerationRequest | None = None) -> Future[T]:
        """Have the engine's thread do something small between two rounds: only there models may
        be used. It waits until what ``request`` is painted with is loaded. Cancelled if the queue is closed first."""
        answer: Future[T] = Future()
        with self._changed:
            if self._closed:
                answer.cancel()
            else:
                self._errands.append(_Errand(errand, answer, request))
                self._looked = False
                self._changed.notify_all()
        return answer

    def asked(self) -> list[GenerationRequest]:
        """What errands wait for to be loaded."""
        with self._changed:
            return [errand.request for errand in self._errands if errand.request]

    def run_errands(self, loaded: Callable[[GenerationRequest], bool] = lambda _: True) -> None:
        """Do what was asked for, one of it before every round, so that painting goes on whoever asks how much: the
        first for which all is ``loaded``. Called by the engine's thread."""
        with self._changed:
            self._looked, errands = True, list(self._errands)
        errand = next((each for each in errands if each.request is None or loaded(each.request)), None)
        if errand is not None:
            self._do(errand)

    def _do(self, errand: _Errand) -> None:
        with self._changed:
            if self._closed:
                return  # and it is cancelled
            self._errands.remove(errand)
            self._looked = False
        if errand.answer.set_running_or_notify_cancel():
            try:
                errand.answer.set_result(errand.act())
            except BaseException as error:
                errand.answer.set_exception(error)

    def waiting(self) -> list[Run]:
        """The runs that wait, in the order they will be taken."""
        with self._changed:
            return self._order()

    def first(self) -> list[Run]:
        """Those of the waiting runs that may be taken next: of each owner the first."""
        with self._changed:
            return [waiting[0] for waiting in self._owners.values()]

    def close(self) -> None:
        """Take no more runs and wake who waits in ``take``."""
        with self._changed:
            self._closed = True
            for errand in self._errands:
                errand.answer.cancel()
            self._errands.clear()
            self._changed.notify_all()

    def _order(self) -> list[Run]:
        lines = [list(waiting) for waiting in self._owners.values()]
        longest = max(map(len, lines), default=0)
        return [line[turn] for turn in range(longest) for line in lines if turn < len(line)]
