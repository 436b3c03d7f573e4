"""Whether one more picture, or anything else that takes a place in Gradio's queue, may be asked for, decided before
Gradio hears of it: there a flood would take the places and the threads of everybody."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
from starlette._utils import get_route_path
from starlette.types import Scope

from components.access import VISITOR, Visitor
from studio import Studio
from studio.gallery.pictures import LOCAL

PAINTING = ("paint", "branch", "go_on", "live")
"""Handlers that take a place in the studio's queue."""
BESIDE = 32
"""Threads for everything that is not painted."""
MOST_BESIDE = 8
"""Events of one person at once that paint nothing. Who keeps no cookie shares them with all who do not."""
QUEUE = "/gradio_api/queue/join"


class Crowded(Exception):
    """There is no place; the sentence says why."""


class Crowd:
    """Everybody who is being painted for, or waits for it. Only for the thread of the server's event loop."""

    def __init__(self, page: gr.Blocks, studio: Studio) -> None:
        self._page, self._sharing = page, studio.sharing
        self._coming: list[tuple[Visitor, bool]] = []
        """Who asks just now, and whether for something that is painted."""
        settings = studio.settings
        self._most = settings.queue_size + settings.concurrency
        self._most_of_one = settings.queue_per_owner + settings.concurrency

    @property
    def threads(self) -> int:
        """As many as Gradio needs for nobody to wait for one: every picture that is followed has its own."""
        return self._most + BESIDE

    @contextlib.contextmanager
    def place(self, scope: Scope, content: bytes) -> Iterator[None]:
        """While inside, an event for Gradio's queue has its place until Gradio knows of it. Others need none.

        Raises:
            Crowded: if there is no place.
        """
        if get_route_path(scope).rstrip("/") != QUEUE:
            yield
            return
        visitor, paints = scope[VISITOR], self._paints(content)
        assert isinstance(visitor, Visitor)
        with self.taken(visitor, paints):
            yield

    @contextlib.contextmanager
    def taken(self, visitor: Visitor, paints: bool = True) -> Iterator[None]:
        """While inside, they have a place.

        Raises:
            Crowded: if there is none.
        """
        check = self._check if paints else self._check_beside
        check(visitor)
        coming = visitor, paints
        self._coming.append(coming)
        try:
            yield
        finally:
            self._coming.remove(coming)

    def _paints(self, content: bytes) -> bool:
        try:
            event = self._page.fns.get(json.loads(content)["fn_index"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return False  # what no page sends is refused elsewhere
        return event is not None and event.name in PAINTING

    def _check(self, visitor: Visitor) -> None:
        everybody, person = self._visitors(paints=True), visitor.person
        mine = sum(each.person == person for each in everybody) if person else 0
        if mine >= self._ceiling(person):
            raise Crowded(f"You have {mine} runs under way: let one finish, or stop one.")
        if len(everybody) >= self._most:
            raise Crowded(f"{len(everybody)} pictures are waiting already: try again in a moment.")
        if visitor.link is None or person == LOCAL:
            return
        by_link = sum(each.link is not None and each.link.id == visitor.link.id for each in everybody)
        if by_link >= max(self._most // 2, 1):  # who has a link may be as many people as they like
            raise Crowded(f"{by_link} pictures are waiting for those with your link: try again in a moment.")

    def _check_beside(self, visitor: Visitor) -> None:
        if visitor.person == LOCAL:
            return
        mine = sum(each.person == visitor.person for each in self._visitors(paints=False))
        if mine >= MOST_BESIDE:
            raise Crowded(f"{mine} of your requests are being answered: wait for one of them.")

    def _ceiling(self, person: str) -> int:
        granted = self._sharing.allowance.waiting if person != LOCAL else 0
        return min(granted or self._most_of_one, self._most_of_one)

    def _visitors(self, paints: bool) -> list[Visitor]:
        """Whose events Gradio has or is about to have, those that paint or the others, once for each."""
        events: dict[str, Any] = self._page._queue.event_ids_to_events
        there = [(event.request.scope[VISITOR], event.fn.name in PAINTING) for event in events.values()]
        return [visitor for visitor, painting in (*there, *self._coming) if painting is paints]
