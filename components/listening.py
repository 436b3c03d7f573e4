"""Which tabs listen to their events: Gradio has them done whether anybody does or not."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

import gradio as gr
from starlette.types import Scope

LISTENING = "stepwise.listening"


class Listening:
    """The tabs whose stream of events is open. Safe from any thread."""

    def __init__(self) -> None:
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

    def noted(self, scope: Scope) -> None:
        """Have the handlers of a request find this."""
        scope[LISTENING] = self


def is_listening(request: gr.Request) -> bool:
    """Whether the tab that asked for an event hears of it. Requests that came past the gate are taken to."""
    scope = getattr(getattr(request, "request", None), "scope", {})
    listening = scope.get(LISTENING)
    return listening is None or str(request.session_hash) in listening
