"""What Gradio keeps of tabs that are gone: it is let go of here, since by itself Gradio keeps it of thousands."""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from typing import Any

MOST_TABS = 128
"""Of how many tabs Gradio remembers the widgets, 0.2 MB each and what they show. One beyond these that was not heard of
for longest has its menus as they were at the start."""
EVERY_S = 30.0


class Leftovers:
    """Messages of events that nobody fetched and nobody will. Only for the thread of the server's event loop.

    Args:
        queue: Gradio's.
        clock: seconds, from anywhere on.
    """

    def __init__(self, queue: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue, self._clock = queue, clock
        self._left: dict[str, int] = {}
        self._next = 0.0
        queue.ANALYTICS_MAX_EVENTS = 1  # after every event Gradio makes a table of these, for a page that is off here

    def sweep(self, listening: Container[str]) -> None:
        """Let go of what lay untouched from one sweep to the next; between two of them this costs nothing."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + EVERY_S
        messages, numbers = self._queue.pending_messages_per_session, self._queue.pending_event_ids_session
        busy = {event.session_hash for event in self._queue.event_ids_to_events.values()}
        tabs = [tab for tab in {*messages, *numbers} if tab not in busy and tab not in listening]
        left = {tab: messages[tab].qsize() if tab in messages else 0 for tab in tabs}
        for tab in [tab for tab, count in left.items() if self._left.get(tab) == count]:
            messages.pop(tab, None)
            numbers.pop(tab, None)
            del left[tab]
        self._left = left
