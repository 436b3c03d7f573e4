"""A tree of branches on one sheet: each run a row, leaving its parent at the step where it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from studio.errors import StudioError
from studio.timeline.animation import frames, size_of
from studio.timeline.compare import differences
from studio.timeline.lettering import ACTS, GROUND, INK, QUIET, Paragraph, font, paragraph
from studio.timeline.strip_sheet import fitted, paste

if TYPE_CHECKING:
    from studio.run import Run

MARGIN, GUTTER, GAP, ROW_GAP = 48, 32, 6, 28
"""The gutter is where branches stand that share no step, only the noise they begin with."""
TARGET_WIDTH, SMALLEST, LARGEST = 3000, 48, 192
LABEL_WIDTH, LABEL_SIZE, NUMBER_SIZE = 640, 20, 16
BEND = 10
MOST = 40
"""Runs that are drawn, the newest of a tree, as on the page."""
MOST_PIXELS = 2**27
"""Of a sheet: half a gigabyte while it is drawn."""


@dataclass(frozen=True)
class Row:
    """One run of the tree, as its row shows it."""

    run: Run
    first: int
    """The column of its first frame: how many steps it shares with its parent."""
    jpegs: list[bytes]
    parent: int | None
    """The row of its parent, if it is there; above this one."""

    @property
    def last(self) -> int:
        """The column of its last frame."""
        return self.first + len(self.jpegs) - 1


@dataclass(frozen=True)
class Place:
    """Where a row's frames stand."""

    y: int
    frame: tuple[int, int]

    @property
    def middle(self) -> int:
        """Half way down the frames."""
        return self.y + self.frame[1] // 2


def arranged(parents: Sequence[int | None], firsts: Sequence[int]) -> list[int]:
    """In which order to draw runs, given each one's parent by index and its first column: every
    branch below its parent, the later it left the nearer, so that no line crosses a frame."""
    order: list[int] = []

    def follow(parent: int | None) -> None:
        children = [index for index, its in enumerate(parents) if its == parent]
        for child in sorted(children, key=lambda index: -firsts[index]):
            order.append(child)
            follow(child)

    follow(None)
    return order


def rows(runs: Sequence[Run]) -> list[Row]:
    """The newest runs that have steps of their own, in the order in which they are drawn. One whose
    parent is not among them is shown with all its steps."""
    shown = _drawn(runs)[-MOST:]
    index = {run.id: number for number, run in enumerate(shown)}
    parents = [index.get(run.parent.id) if run.parent is not None else None for run in shown]
    firsts = [run.kept if parent is not None else 0 for run, parent in zip(shown, parents, strict=True)]
    order = arranged(parents, firsts)
    found = []
    for old in order:
        run, parent = shown[old], parents[old]
        its = run.recording.steps if parent is not None else run.steps
        above = None if parent is None else order.index(parent)
        found.append(Row(run, firsts[old], [step.preview for step in its], above))
    return found


def _drawn(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if len(run.recording)]


def tree_sheet(runs: Sequence[Run]) -> Image.Image | None:
    """The sheet; None if none of the runs has a step.

    Raises:
        StudioError: if it would be too large.
    """
    drawn = rows(runs)
    if not drawn:
        return None
    columns = max(row.last for row in drawn) + 1
    longest = min(LARGEST, max(SMALLEST, TARGET_WIDTH // columns - GAP))
    sizes = [fitted(size_of(row.jpegs[0]), longest) for row in drawn]
    pitch = max(width for width, _ in sizes) + GAP
    labels = [_label(row) for row in drawn]
    places, height = _places(labels, sizes)
    size = _width(drawn, labels, pitch), height + MARGIN
    if size[0] * size[1] > MOST_PIXELS:
        raise StudioError("This tree is too large for one sheet: keep its runs as strips.")
    made = Image.new("RGB", size, GROUND)
    draw = ImageDraw.Draw(made)
    if (count := len(_drawn(runs))) > MOST:
        draw.text((MARGIN + GUTTER, MARGIN // 4), f"The newest {MOST} of {count:,} runs", QUIET, font(NUMBER_SIZE))
    _number_columns(draw, columns, pitch)
    for row, place in zip(drawn, places, strict=True):
        for offset, picture in enumerate(frames(row.jpegs)):
            paste(made, picture, (_x(row.first + offset, pitch), place.y), place.frame)
    for row, place, label in zip(drawn, places, labels, strict=True):
        _write(draw, label, _x(row.first, pitch), place.y)
        if row.parent is not None:
            _draw_branch(draw, row, place, places[row.parent], pitch)
    return made


def _x(column: int, pitch: int) -> int:
    return MARGIN + GUTTER + column * pitch


def _places(labels: Sequence[list[Paragraph]], sizes: Sequence[tuple[int, int]]) -> tuple[list[Place], int]:
    """Where each row's frames stand, and where the last ends."""
    places, y = [], MARGIN + NUMBER_SIZE
    for label, size in zip(labels, sizes, strict=True):
        y += ROW_GAP + sum(part.height for part in label)
        places.append(Place(y, size))
        y += size[1]
    return places, y


def _width(drawn: Sequence[Row], labels: Sequence[list[Paragraph]], pitch: int) -> int:
    """So that the last column fits and every label does."""
    ends = [_x(row.last + 1, pitch) - GAP for row in drawn]
    ends += [_x(row.first, pitch) + part.width for row, label in zip(drawn, labels, strict=True) for part in label]
    return max(ends) + MARGIN


def _label(row: Row) -> list[Paragraph]:
    """Its name; and for the first of a tree what was asked for, for a branch what changed."""
    run, request = row.run, row.run.request
    label = [paragraph(run.name, LABEL_SIZE, INK, LABEL_WIDTH, 1)] if run.name else []
    if row.parent is None or request.branch is None:
        return [
            *label,
            paragraph(request.prompt or "No prompt", LABEL_SIZE, QUIET if label else INK, 2 * LABEL_WIDTH, 2),
        ]
    changes = [change.sentence for change in differences(request.branch.request, request)]
    told = ", ".join(changes) or "Unchanged"
    return [*label, paragraph(told, LABEL_SIZE, QUIET if label else INK, LABEL_WIDTH, 3)]


def _write(draw: ImageDraw.ImageDraw, label: Sequence[Paragraph], x: int, bottom: int) -> None:
    y = bottom - 6 - sum(part.height for part in label)
    for part in label:
        part.draw(draw, x, y)
        y += part.height


def _number_columns(draw: ImageDraw.ImageDraw, columns: int, pitch: int) -> None:
    for column in range(columns):
        x = _x(column, pitch) + (pitch - GAP) // 2
        draw.text((x, MARGIN), str(column + 1), QUIET, font(NUMBER_SIZE), anchor="ma")


def _draw_branch(draw: ImageDraw.ImageDraw, row: Row, place: Place, parent: Place, pitch: int) -> None:
    """A line from the last frame that is shared to the first of its own."""
    end = _x(row.first, pitch) - 3
    if row.first:
        left, start = _x(row.first - 1, pitch), parent.y + parent.frame[1] + 1
        x = left + parent.frame[0] // 2
        draw.rounded_rectangle((left - 2, parent.y - 2, left + parent.frame[0] + 1, start), 10, outline=ACTS, width=2)
    else:
        x, start = MARGIN + GUTTER // 2, parent.middle
        draw.line((x, start, end, start), ACTS, 2)
    draw.line((x, start, x, place.middle - BEND), ACTS, 2)
    draw.arc((x, place.middle - 2 * BEND, x + 2 * BEND, place.middle + 1), 90, 180, ACTS, 2)
    draw.line((x + BEND, place.middle, end, place.middle), ACTS, 2)
