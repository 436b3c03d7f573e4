"""What is kept of a run, in files to show and to work on: its strip, and the tree of its branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from studio.durable import whole
from studio.errors import StudioError
from studio.timeline import animation
from studio.timeline.frames_zip import write_zip
from studio.timeline.strip_sheet import sheet
from studio.timeline.tree_sheet import tree_sheet

if TYPE_CHECKING:
    from studio.run import Run
    from studio.timeline.record import RecordedStep

Kind = Literal["gif", "webp", "mp4", "sheet", "zip"]
SUFFIXES: dict[Kind, str] = {"gif": ".gif", "webp": ".webp", "mp4": ".mp4", "sheet": ".png", "zip": ".zip"}
"""What a file of each kind is called at the end."""
SLOWEST, FASTEST = 1, 50
"""Frames per second. Browsers slow a GIF down that is faster."""
NO_STEPS = "There is no step to export yet: paint first."


def export(run: Run, kind: Kind, path: Path, *, frames_per_second: float = 8) -> Path:
    """Write the strip of a run, whole or not at all: the clean image predicted at every step it
    has so far, those it shares with its parent included. Decodes what was not looked at yet.

    Raises:
        StudioError: if it has no steps, or the kind or the frames per second cannot be,
            or a step's picture is broken, or all of them are too large for a file of that kind.
        OSError: if the file could not be written.
    """
    if kind not in SUFFIXES:
        raise StudioError(f"A strip can be exported as {', '.join(SUFFIXES)}.")
    if not SLOWEST <= frames_per_second <= FASTEST:
        raise StudioError(f"Frames per second must be from {SLOWEST} to {FASTEST}.")
    steps = run.steps
    if not steps:
        raise StudioError(NO_STEPS)
    with whole(path) as partial:
        _write(run, steps, kind, partial, frames_per_second)
    return path


def export_tree(runs: Sequence[Run], path: Path) -> Path:
    """Write a tree of branches as one PNG, whole or not at all.

    Raises:
        StudioError: if none of the runs has a step, a step's picture is broken, or the sheet would be too large.
        OSError: if the file could not be written.
    """
    picture = tree_sheet(runs)
    if picture is None:
        raise StudioError(NO_STEPS)
    with whole(path) as partial:
        picture.save(partial, "PNG")
    return path


def _write(run: Run, steps: Sequence[RecordedStep], kind: Kind, path: Path, frames_per_second: float) -> None:
    if kind == "zip":
        write_zip(run, steps, path)
    elif kind == "sheet":
        sheet(run, steps).save(path, "PNG")
    else:
        MOVING[kind]([step.preview for step in steps], path, frames_per_second)


MOVING: dict[Kind, Callable[[Sequence[bytes], Path, float], None]] = {
    "gif": animation.write_gif,
    "webp": animation.write_webp,
    "mp4": animation.write_mp4,
}
