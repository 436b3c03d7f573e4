"""Whether one more picture may be asked for, decided before Gradio hears of it: in its queue a flood would take the
places and the threads of everybody."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
from starlette.types import Scope

from components.access import VISITOR, Visitor
from studio import Studio
from studio.gallery.pictures import LOCAL

PAINTING = ("paint", "branch", "go_on", "live")
"""Handlers that take a place in the studio's queue."""
BESIDE = 32
"""Threads for everything that is not painted."""


class Crowded(Exception):
    """There is no place; the sentence says why."""


class Crowd:
    """Everybody who is being painted for, or waits for it. Only for the thread of the server's event loop."""

    def __init__(self, page: gr.Blocks, studio: Studio) -> None:
        self._page, self._sharing = page, studio.sharing
        self._coming: list[str] = []
        settings = studio.settings
        self._most = settings.queue_size + settings.concurrency
        self._most_of_one = settings.queue_per_owner + settings.concurrency

    @property
    def threads(self) -> int:
        """As many as Gradio needs for nobody to wait for one: every picture that is followed has its own."""
        return self._most + BESIDE

    @contextlib.contextmanager
    def place(self, scope: Scope, content: bytes) -> Iterator[None]:
        """While inside, an event that paints has its place until Gradio knows of it. Others need none.

        Raises:
            Crowded: if there is no place.
        """
        if not self._paints(content):
            yield
            return
        visitor = scope[VISITOR]
        assert isinstance(visitor, Visitor)
        with self.taken(visitor.person):
            yield

    @contextlib.contextmanager
    def taken(self, person: str) -> Iterator[None]:
        """While inside, that person has a place.

        Raises:
            Crowded: if there is none.
        """
        self._check(person)
        self._coming.append(person)
        try:
            yield
        finally:
            self._coming.remove(person)

    def _paints(self, content: bytes) -> bool:
        try:
            event = self._page.fns.get(json.loads(content)["fn_index"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return False  # what no page sends is refused elsewhere
        return event is not None and event.name in PAINTING

    def _check(self, person: str) -> None:
        people = [*self._people(), *self._coming]
        mine = people.count(person) if person else 0
        if mine >= self._ceiling(person):
            raise Crowded(f"You have {mine} runs under way: let one finish, or stop one.")
        if len(people) >= self._most:
            raise Crowded(f"{len(people)} pictures are waiting already: try again in a moment.")

    def _ceiling(self, person: str) -> int:
        granted = self._sharing.allowance.waiting if person != LOCAL else 0
        return min(granted or self._most_of_one, self._most_of_one)

    def _people(self) -> Iterator[str]:
        """Whose painting events Gradio has, each as often as it has one."""
        events: dict[str, Any] = self._page._queue.event_ids_to_events
        return (event.username or "" for event in events.values() if event.fn.name in PAINTING)
