"""A run: one request on its way from noise to pictures, as whoever asked for it sees it."""

from __future__ import annotations

import dataclasses
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from studio.diffusion.midway import START
from studio.errors import GenerationFailed, StudioError
from studio.events import LAST_EVENTS, Cancelled, Event, Failed, Finished, Paused, Produced, Started, Step
from studio.request import Branch, GenerationRequest
from studio.timeline.recording import Recording

if TYPE_CHECKING:
    from studio.timeline.forward import Forward
    from studio.timeline.record import RecordedStep


@dataclass(frozen=True)
class Result:
    """The finished pictures, in the order of their seeds."""

    paths: tuple[Path, ...]
    infotexts: tuple[str, ...]
    clips: tuple[Path, ...] = ()
    """The films or the sounds that the pictures stand for, if they do."""

    @property
    def images(self) -> list[Image.Image]:
        """The pictures, read from their files."""
        return [Image.open(path) for path in self.paths]


class Run:
    """The handle of a submitted request.

    Iterating it gives every event from the first to the last, however late one begins; any
    number of readers may do so at once, and a slow one holds nobody up. Safe from any thread.
    The lease of a ``patient`` one counts from its first step on, or from when somebody renews it.
    """

    def __init__(
        self,
        request: GenerationRequest,
        owner: str,
        lease_s: float | None = None,
        parent: Run | None = None,
        draft: bool = False,
        identity: str = "",
        patient: bool = False,
    ) -> None:
        self.id = identity or secrets.token_hex(16)
        self.request, self.owner = request, owner
        self.parent = parent
        """The run this one is a branch of."""
        self.draft = draft
        """Whether it is only looked at: its pictures are not saved."""
        self.name = self.note = ""
        self.recording = Recording()
        """Its own steps, without those it shares with ``parent``."""
        self.midway = START
        """Where its solver took over from another; known once it is painted."""
        self.weights_hash: Callable[[], str] = str
        """Which weights painted it; empty before it is painted. Waits while their files are still read."""
        self.notes: tuple[str, ...] = ()
        """What is to be said of how it was painted: what of a LoRA found no place."""
        self.thumbnail = b""
        """A small JPEG of what it made; empty before its end."""
        self.pictures: dict[str, Path] = {}
        """The PNG files of the pictures that its request names; known once it waits."""
        self.began_from: Forward | None = None
        """How the picture it starts from was noised; None where it starts from noise or a step."""
        self.evaluations = 0
        """How many steps it will have in all; known once it is painted."""
        self.when_ended: Callable[[Run, Event], None] = lambda *_: None
        """Called with the last event, before anybody hears of it."""
        self.cancel_asked = self.pause_asked = False
        self._lease_s, self._left = lease_s, False
        self._renewed = math.inf if patient else time.monotonic()
        self._events: list[Event] = []
        self._changed = threading.Condition()

    def cancel(self) -> None:
        """Stop the run: within one step if it is painted, at once if it waits. No error if it
        has ended."""
        self.cancel_asked = True

    def pause(self) -> None:
        """Put the run aside, within one step; ``Studio.go_on`` paints on from there, to the bit.
        No error if it has ended."""
        self.pause_asked = True

    @property
    def kept(self) -> int:
        """How many of its steps are shared with the run it is a branch of."""
        branch = self.request.branch
        return branch.at if branch is not None and self.parent is not None else 0

    @property
    def ready(self) -> bool:
        """Whether the steps that it shares with the run it is a branch of are there."""
        return self.parent is None or self.parent.ended or self.parent.kept + len(self.parent.recording) >= self.kept

    @property
    def steps(self) -> list[RecordedStep]:
        """Every step from noise on, those shared with the run it left included."""
        shared = self.parent.steps[: self.kept] if self.parent is not None else []
        return shared + self.recording.steps

    def painter(self, index: int) -> Run:
        """The run that painted its step ``index``, 0 for the first: this one, or one that it shares the step with."""
        return self if self.parent is None or index >= self.kept else self.parent.painter(index)

    @property
    def forward(self) -> Forward | None:
        """How the picture that it, or the run it is a branch of, starts from was noised."""
        return self.began_from or (self.parent.forward if self.parent is not None else None)

    def first_step(self) -> RecordedStep:
        """The first step it painted itself."""
        return self.recording.steps[0]

    @property
    def root(self) -> Run:
        """The run that all of its tree's branches come from."""
        return self if self.parent is None else self.parent.root

    def leaving(self, at: int, noise_seed: int | None = None) -> tuple[Run, Branch]:
        """The run that has the step before ``at``, and the branch that leaves there what it was painted by: this
        run itself, or the one that it shares the step with. One that was opened has all of its steps itself."""
        origin, request = self, self.request
        while request.branch is not None and at <= request.branch.at:
            if at == request.branch.at and noise_seed is None:
                noise_seed = request.branch.noise_seed
            origin, request = origin.parent or origin, request.branch.request
        return origin, Branch(request=request, at=at, noise_seed=noise_seed)

    def save(self, path: Path) -> None:
        """Write it into one file, whole or not at all; ``Studio.open`` reads it back.

        Raises:
            StudioError: if it is still being painted.
            OSError: if it could not be written.
        """
        from studio.timeline import saved  # here, since it loads PyTorch

        saved.save(self, path, {name: file.read_bytes() for name, file in self.pictures.items()})

    def renew(self) -> None:
        """Say that somebody still looks. A run with a lease is stopped when nobody does."""
        self._renewed = time.monotonic()

    def leave(self) -> None:
        """Say that nobody looks any more: it is put aside within a step, as after its lease."""
        self._left = True

    @property
    def abandoned(self) -> bool:
        """Whether whoever looked has left, or did not renew the lease in time."""
        return self._left or (self._lease_s is not None and time.monotonic() - self._renewed > self._lease_s)

    @property
    def unwanted(self) -> bool:
        """Whether it should be painted no further: somebody said so, or nobody looks."""
        return self.cancel_asked or self.pause_asked or self.abandoned

    @property
    def ended(self) -> bool:
        """Whether the last event has happened."""
        return bool(self._events) and isinstance(self._events[-1], LAST_EVENTS)

    @property
    def last_event(self) -> Event | None:
        """The newest event, if there is any."""
        return self._events[-1] if self._events else None

    @property
    def paused(self) -> bool:
        """Whether it was put aside and can go on."""
        return isinstance(self.last_event, Paused)

    @property
    def succeeded(self) -> bool:
        """Whether all its pictures are on disk."""
        return bool(self._events) and isinstance(self._events[-1], Finished)

    @property
    def result(self) -> Result:
        """The finished pictures; waits for the end of the run.

        Raises:
            StudioError: if the run failed or was stopped.
        """
        events = list(self)
        last = events[-1]
        if isinstance(last, Failed):
            raise GenerationFailed(last.sentence)
        if isinstance(last, Cancelled | Paused):
            raise StudioError("The run was stopped.")
        made = sorted((event for event in events if isinstance(event, Produced)), key=lambda event: event.index)
        clips = tuple(event.clip for event in made if event.clip)
        return Result(tuple(event.path for event in made), tuple(event.infotext for event in made), clips)

    @property
    def clips(self) -> list[Path]:
        """The films or the sounds that were made by now."""
        with self._changed:
            return [event.clip for event in self._events if isinstance(event, Produced) and event.clip]

    def post(self, event: Event) -> None:
        """Add an event; it gets the next number. Ignored after the last one."""
        with self._changed:
            if self.ended:
                return
            if isinstance(event, LAST_EVENTS):
                self.when_ended(self, event)
            if isinstance(event, Started) and self._renewed == math.inf:
                self.renew()
            self._events.append(dataclasses.replace(event, sequence=len(self._events)))
            self._changed.notify_all()

    def events_after(self, position: int, timeout: float | None = None) -> list[Event]:
        """The events from number ``position`` on, as soon as there is one; none after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._events) > position or self.ended, timeout)
            return self._events[position:]

    def spill(self, file: Path) -> None:
        """Move its steps from memory into a file; they come back when they are asked for. The
        previews of its events are dropped, since the steps have them.

        Raises:
            OSError: if the file could not be written; then they stay.
        """
        from studio.timeline import file_format  # here, since it loads PyTorch

        newest = self.recording.newest
        if newest is None:
            return
        decode = newest.decode
        self.recording.spill(
            file,
            lambda steps, path: file_format.write(path, steps, {}),
            lambda path: file_format.read(path, decode)[0],
        )
        if self.began_from is not None:
            self.began_from = dataclasses.replace(self.began_from)  # its frames go, too
        with self._changed:
            self._events = [dataclasses.replace(e, preview=None) if isinstance(e, Step) else e for e in self._events]

    def __iter__(self) -> Iterator[Event]:
        position = 0
        while fresh := self.events_after(position):
            yield from fresh
            position += len(fresh)

    def __repr__(self) -> str:
        state = type(self._events[-1]).__name__.lower() if self._events else "new"
        return f"<Run {self.id} {state}, {self.kept + len(self.recording)} steps>"
