"""The machine's last minutes, for whoever runs it: its speed, who waits, what fails (pure: readings are given).

Kept here and not in a page, so that whoever opens the page late sees them, too.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

EVERY_S = 5.0
"""How often the machine is read."""
POINTS = 120
"""How many points are kept: ten minutes."""


@dataclass(frozen=True)
class Reading:
    """The machine at a moment."""

    at: float
    """Seconds, from anywhere on."""
    steps: int
    """Taken since the start, for all runs together."""
    failed: int
    """Runs that failed since the start."""
    waiting: int
    """Runs that wait now."""
    memory: int
    """Bytes of this process."""
    temperature: float | None = None
    """Of the hottest sensor, in degrees Celsius, where there is one."""


@dataclass(frozen=True)
class Point:
    """From one reading to the next."""

    steps_s: float
    """Steps a second, for all runs together."""
    failed: int
    waiting: int
    memory: int
    temperature: float | None


class Course:
    """The newest points, oldest first. Safe from any thread."""

    def __init__(self, points: int = POINTS) -> None:
        self._points: deque[Point] = deque(maxlen=points)
        self._last: Reading | None = None
        self._lock = threading.Lock()

    def note(self, reading: Reading) -> None:
        """Go on to this reading; one that is not later than the last is passed over."""
        with self._lock:
            last = self._last
            if last is not None and reading.at <= last.at:
                return
            self._last = reading
            if last is not None:
                self._points.append(
                    Point(
                        steps_s=(reading.steps - last.steps) / (reading.at - last.at),
                        failed=reading.failed - last.failed,
                        waiting=reading.waiting,
                        memory=reading.memory,
                        temperature=reading.temperature,
                    )
                )

    @property
    def points(self) -> tuple[Point, ...]:
        """What there is so far."""
        with self._lock:
            return tuple(self._points)
