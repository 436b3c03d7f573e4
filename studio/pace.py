"""How long forwards take, measured: for estimates, and to join only what is faster joined."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from studio.request import GenerationRequest

KEPT = 5
TRIES = 2
"""Forwards of a size before it is judged: the first one warms up."""
FRESH_S = 60.0
"""After which joining all is tried again: machines get warm, and busy with other things."""
WORTH_IT = 0.85
"""What apart must take of the time it takes joined: less is within what busy machines vary by."""


@dataclass(frozen=True)
class Kind:
    """What a forward computes, apart from how many rows."""

    model: str
    width: int
    height: int
    """Of the picture, in px."""
    length: float = 1
    """Frames of a film, seconds of a sound."""

    @classmethod
    def of(cls, request: GenerationRequest, name: str = "") -> Kind:
        """That of a run's model, or of a part of another ``name``."""
        return cls(name or request.model, request.width, request.height, request.seconds or request.frames)


class Pace:
    """Written by the engine's thread, read from any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._measured: dict[Kind, dict[int, deque[tuple[float, float]]]] = {}

    def count(self, kind: Kind, rows: int, seconds: float) -> None:
        """A forward of that many rows took that long."""
        sizes = self._measured.setdefault(kind, {})
        sizes.setdefault(rows, deque(maxlen=KEPT)).append((self._clock(), seconds))

    def seconds(self, kind: Kind, rows: int) -> float | None:
        """What a forward is expected to take: as measured, or in proportion to the rows, pixels and length of
        the nearest that was; None for a model that has not painted yet."""
        measured = dict(self._measured)
        for other in [kind, *(other for other in measured if other != kind and other.model == kind.model)]:
            sizes = {rows: median(took for _, took in list(each)) for rows, each in measured.get(other, {}).items()}
            if sizes:
                nearest = min(sizes, key=lambda size: abs(size - rows))
                size, measured_size = (each.width * each.height * each.length for each in (kind, other))
                return sizes[nearest] * rows / nearest * size / measured_size
        return None

    def split(self, kind: Kind, sizes: Sequence[int]) -> list[list[int]]:
        """Which calls of these many rows to join: lists of indices, together all of them, in order."""
        most = self._best(kind, sum(sizes), max(sizes))
        groups: list[list[int]] = []
        rows = 0
        for index, size in enumerate(sizes):
            if not groups or rows + size > most:
                groups.append([])
                rows = 0
            groups[-1].append(index)
            rows += size
        return groups

    def _best(self, kind: Kind, together: int, alone: int) -> int:
        """The number of rows to join at which all of them take least. All at once is tried first, and anew
        where that was long ago; other sizes are known from when fewer runs were painted."""
        now, takes = self._clock(), {}
        for rows, each in self._measured.get(kind, {}).items():
            took = [took for at, took in each if rows < together or now - at < FRESH_S]
            if alone <= rows <= together and len(took) >= TRIES:
                whole, rest = divmod(together, rows)
                takes[rows] = whole * median(took) + ((self.seconds(kind, rest) or 0.0) if rest else 0.0)
        if together not in takes:
            return together
        best = min(takes, key=lambda rows: takes[rows])
        return best if takes[best] < takes[together] * WORTH_IT else together
