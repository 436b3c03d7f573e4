"""Which tab looks at which run. A run that nobody looks at any more is put aside."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from weakref import WeakValueDictionary

from studio import Run

MOST_REFUSALS = 1_000
"""Tabs whose last refusal is remembered; a tab that goes without a word, as programs do, never takes its own back."""


class Viewers:
    """Safe from any thread. It keeps no run alive: a tab that went without a word, as programs do, looks at its
    last one for ever."""

    def __init__(self) -> None:
        self._shown: WeakValueDictionary[str, Run] = WeakValueDictionary()
        self._readers: Counter[str] = Counter()
        self._next: defaultdict[str, list[Run]] = defaultdict(list)
        self._refusals: dict[str, str] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def reading(self, tab: str, run: Run) -> Iterator[None]:
        """While inside, the tab shows the run. If it was the last to do so and the run has not
        ended, it is put aside, and can go on from there."""
        self.show(tab, run)
        with self._lock:
            self._readers[run.id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers[run.id] -= 1
                alone = not self._readers[run.id]
                if alone:
                    del self._readers[run.id]
            if alone and not run.ended:
                run.leave()

    @contextlib.contextmanager
    def waiting(self, tab: str, run: Run) -> Iterator[Callable[[], bool]]:
        """While inside, the run waits for the tab to show it, behind others that do; what is given
        tells whether it may. If it is left before that, the run is put aside."""
        with self._lock:
            line = self._next[tab]
            line.append(run)
        shown = False

        def may_be_shown() -> bool:
            nonlocal shown
            with self._lock:
                before = self._shown.get(tab)
                shown = line[0] is run and (before is None or before is run or before.ended or before.draft)
                if shown:
                    self._shown[tab] = run
            return shown

        try:
            yield may_be_shown
        finally:
            with self._lock:
                line.remove(run)
                if not line:
                    self._next.pop(tab, None)
            if not shown:
                run.leave()

    def show(self, tab: str, run: Run) -> None:
        """The tab turns to a run."""
        with self._lock:
            self._shown[tab] = run
            self._refusals.pop(tab, None)

    def shown(self, tab: str) -> Run | None:
        """What the tab looks at."""
        return self._shown.get(tab)

    def refuse(self, tab: str, sentence: str) -> None:
        """What the tab asked for was refused: the sentence stands over what it shows, until it turns to a run."""
        with self._lock:
            self._refusals.pop(tab, None)
            self._refusals[tab] = sentence
            if len(self._refusals) > MOST_REFUSALS:
                del self._refusals[next(iter(self._refusals))]

    def refusal(self, tab: str) -> str | None:
        """The sentence that stands over what the tab shows."""
        return self._refusals.get(tab)

    def forget(self, tab: str) -> None:
        """The tab is gone."""
        with self._lock:
            self._refusals.pop(tab, None)
            self._shown.pop(tab, None)
            self._next.pop(tab, None)
