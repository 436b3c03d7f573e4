"""What the engine tells about a run, in the order it happens.

Every run's events are numbered from 0 without a gap; the last one is ``Finished``, ``Failed``,
``Cancelled`` or ``Paused``, and nothing comes after it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a run."""

    run: str
    sequence: int = field(default=-1, compare=False)


@dataclass(frozen=True, kw_only=True)
class Queued(Event):
    """The run waits; ``ahead`` runs come before it. Said again as that changes."""

    ahead: int
    wait_s: float | None = None
    """Estimated seconds until it begins; None while no step of its model was measured."""


@dataclass(frozen=True, kw_only=True)
class Started(Event):
    """The first model call is about to be made."""

    steps: int
    """Steps asked for."""
    evaluations: int
    """Recorded steps of the whole run: more than ``steps`` where a sampler calls the model twice a step."""
    kept: int = 0
    """How many of them a branch shares with the run it leaves; their ``Step`` events come at once."""


@dataclass(frozen=True, kw_only=True)
class Step(Event):
    """One denoising step is done."""

    index: int
    """0 for the first step."""
    total: int
    sigma: float
    """Noise level the step started from, in units of the data's deviation (sigma / alpha)."""
    timestep: float
    elapsed_s: float
    left_s: float
    """Estimated seconds to the end of the run."""
    preview: bytes | None = field(default=None, repr=False)
    """JPEG of the predicted clean image (x0), pictures of a batch in a grid; None if it was
    dropped because the next one was already there."""
    decoded: bool = False
    """True where the preview was decoded by an autoencoder, False where it is the linear map."""


@dataclass(frozen=True, kw_only=True)
class Produced(Event):
    """One finished picture is on disk, durable."""

    index: int
    path: Path
    seed: int
    infotext: str
    clip: Path | None = None
    """The film or the sound that the picture stands for."""


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """All pictures are on disk."""

    elapsed_s: float
    notes: tuple[str, ...] = ()
    """Sentences on how it was painted: what of a LoRA found no place."""


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """The run ended with an error."""

    code: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Cancelled(Event):
    """The run was stopped; ``steps_done`` steps are kept."""

    steps_done: int


@dataclass(frozen=True, kw_only=True)
class Paused(Event):
    """The run was put aside with ``steps_done`` steps kept; another run can go on from there."""

    steps_done: int


LAST_EVENTS: tuple[type[Any], ...] = (Finished, Failed, Cancelled, Paused)
