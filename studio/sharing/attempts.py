"""Wrong tokens and passwords, counted for each address, so that guessing does not pay (pure but for the clock)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

MOST, WINDOW_S, MOST_ADDRESSES = 10, 60.0, 10_000


class Attempts:
    """At most ``most`` wrong ones within ``window_s`` seconds from one address. Safe from any thread."""

    def __init__(
        self, most: int = MOST, window_s: float = WINDOW_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._window_s, self._clock = most, window_s, clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, address: str) -> float:
        """Seconds until the address may try again; 0 if it may now."""
        with self._lock:
            times = self._recent(address) if address in self._wrong else deque[float]()
            return times[-self._most] + self._window_s - self._clock() if len(times) >= self._most else 0.0

    def wrong(self, address: str) -> None:
        """It tried, and was wrong."""
        with self._lock:
            self._recent(address).append(self._clock())
            self._wrong.move_to_end(address)
            if len(self._wrong) > MOST_ADDRESSES:
                self._wrong.popitem(last=False)

    def _recent(self, address: str) -> deque[float]:
        times = self._wrong.setdefault(address, deque(maxlen=self._most))
        while times and times[0] <= self._clock() - self._window_s:
            times.popleft()
        return times
