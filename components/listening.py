"""Which tabs listen to their events, and which keep up with them: Gradio has events done whether anybody reads of them
or not, and keeps what was not read."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import gradio as gr
from starlette.types import Scope

from studio import Run

LISTENING = "stepwise.listening"
MOST_UNREAD = 8
"""Messages that may wait for a tab before it counts as slow; what is on its way in the network is not among them."""
BEHIND_S = 0.1
"""How often a tab that reads slowly is looked at."""


class Listening:
    """The tabs whose stream of events is open. Safe from any thread.

    Args:
        queue: Gradio's.
    """

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def stream(self, session: str) -> Iterator[None]:
        """While inside, a stream of that tab's is open."""
        with self._lock:
            self._open[session] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[session] -= 1
                if not self._open[session]:
                    del self._open[session]

    def __contains__(self, session: object) -> bool:
        return session in self._open

    def is_behind(self, session: str) -> bool:
        """Whether that tab listens, but has not read what it was told."""
        unread = self._queue.pending_messages_per_session.get(session)
        return session in self and unread is not None and unread.qsize() > MOST_UNREAD

    def noted(self, scope: Scope) -> None:
        """Have the handlers of a request find this."""
        scope[LISTENING] = self


def is_listening(request: gr.Request) -> bool:
    """Whether the tab that asked for an event hears of it. Requests that came past the gate are taken to."""
    listening = _of(request)
    return listening is None or str(request.session_hash) in listening


def is_behind(request: gr.Request) -> bool:
    """Whether the tab that asked for an event reads more slowly than it is told things."""
    listening = _of(request)
    return listening is not None and listening.is_behind(str(request.session_hash))


def renew(run: Run, request: gr.Request) -> bool:
    """Renew a run's lease, as long as the tab that asked for it hears of it, and say whether it does."""
    if heard := is_listening(request):
        run.renew()
    return heard


def caught_up(run: Run, request: gr.Request) -> bool:
    """Wait until the tab has read what it was told, or the run has ended, and say whether that took a while."""
    waited = False
    while renew(run, request) and is_behind(request) and not run.ended:
        waited = True
        time.sleep(BEHIND_S)
    return waited or is_behind(request)


def _of(request: gr.Request) -> Listening | None:
    found = getattr(getattr(request, "request", None), "scope", {}).get(LISTENING)
    return found if isinstance(found, Listening) else None
