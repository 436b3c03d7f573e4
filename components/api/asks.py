"""What programs are having painted: followed by the runs' own events, in the server's loop, without a thread each."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool

from components.api import answers
from components.api.payload import Options
from studio import GenerationRequest, Run, Studio
from studio.events import Failed

LEASE_S = 15.0
LOOK_S = 0.1
"""How often a run is looked at."""
MOST_PEOPLE = 1_000
"""Whose options are remembered."""


class Ask:
    """One request of a program: batches, painted one after another."""

    def __init__(self, person: str, count: int) -> None:
        self.person, self.count = person, count
        self.number = 0
        """The batch that is painted, 0 for the first."""
        self.run: Run | None = None
        self.interrupted = self.skipped = False

    def interrupt(self) -> None:
        """Paint no further."""
        self.interrupted = True
        self._cancel()

    def skip(self) -> None:
        """Paint no further of this batch, and go on to the next."""
        self.skipped = True
        self._cancel()

    def _cancel(self) -> None:
        if self.run is not None:
            self.run.cancel()


class Asks:
    """Everything that is under way for programs. Only for the thread of the server's event loop."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._asks: list[Ask] = []

    async def paint(
        self, requests: Sequence[GenerationRequest], person: str, gone: Callable[[], Awaitable[bool]]
    ) -> list[Run]:
        """Have these painted, each when the one before has ended; the runs there were. It ends early where one
        fails, where somebody interrupts it, and where the program has ``gone``.

        Raises:
            StudioError: if the first is refused; a later one that is refused ends it.
        """
        ask, runs = Ask(person, len(requests)), list[Run]()
        self._asks.append(ask)
        try:
            for ask.number, request in enumerate(requests):
                ask.run, ask.skipped = None, False
                runs.append(await self._painted(ask, request, gone))
                if ask.interrupted or isinstance(runs[-1].last_event, Failed):
                    break
            return runs
        finally:
            ask.interrupt()
            self._asks.remove(ask)

    async def _painted(self, ask: Ask, request: GenerationRequest, gone: Callable[[], Awaitable[bool]]) -> Run:
        run = ask.run = await run_in_threadpool(self._studio.submit, request, ask.person, LEASE_S)
        while True:
            if ask.interrupted or ask.skipped or await gone():
                run.cancel()  # also what was asked to be while it was on its way into the queue
                ask.interrupted = ask.interrupted or not ask.skipped
            if run.paused and not (run.pause_asked or run.cancel_asked):
                # A page that followed it was closed: it is still wanted here.
                run = ask.run = await run_in_threadpool(self._studio.go_on, run, LEASE_S)
            if run.ended:
                return run
            run.renew()
            await asyncio.sleep(LOOK_S)

    def interrupt(self, person: str) -> None:
        """Stop all that a person has under way, from programs or the page."""
        for ask in self._of(person):
            ask.interrupt()
        for run in self._runs(person):
            run.cancel()

    def skip(self, person: str) -> None:
        """Go on to the next batch of what is painted for a person's program."""
        for ask in self._of(person)[:1]:
            ask.skip()

    def progress(self, person: str, pictured: bool) -> dict[str, Any]:
        """How far the first thing is that a person's programs wait for, or else what they paint on the page."""
        for ask in self._of(person)[:1]:
            flags = ask.skipped, ask.interrupted
            return answers.progress(ask.run, (ask.number, ask.count), flags, pictured)
        runs = self._runs(person)
        return answers.progress(runs[0] if runs else None, (0, 1), (False, False), pictured)

    def _of(self, person: str) -> list[Ask]:
        return [ask for ask in self._asks if ask.person == person]

    def _runs(self, person: str) -> list[Run]:
        return [run for run in self._studio.runs.of(person) if not run.ended]


class Chosen:
    """The options that everybody has chosen for what they ask for from then on."""

    def __init__(self) -> None:
        self._options: OrderedDict[str, Options] = OrderedDict()

    def of(self, person: str) -> Options:
        """A person's."""
        return self._options.get(person, Options())

    def choose(self, person: str, options: Options) -> None:
        """Remember them; those not changed for longest are forgotten."""
        self._options.pop(person, None)
        self._options[person] = options
        if len(self._options) > MOST_PEOPLE:
            self._options.popitem(last=False)
