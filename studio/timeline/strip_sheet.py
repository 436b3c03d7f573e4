"""A strip on one sheet: every step's picture with its number and noise level, and what was asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from studio.contact_sheet import grid
from studio.timeline.animation import frames, size_of
from studio.timeline.compare import differences
from studio.timeline.lettering import ACTS, GROUND, INK, QUIET, Paragraph, font, paragraph

if TYPE_CHECKING:
    from studio.request import GenerationRequest
    from studio.run import Run
    from studio.timeline.record import RecordedStep

MARGIN, GAP, CAPTION, BETWEEN = 48, 20, 34, 8
NARROWEST_COLUMN, NARROWEST_SHEET = 120, 880
ASPECT = 1.5
"""What the sheet's width over its height should be near to."""
READ_AT = 1600
"""Wider sheets are looked at scaled down, so their heading is larger."""
RADIUS = 8


@dataclass(frozen=True)
class Layout:
    """Where the frames of a sheet stand."""

    columns: int
    rows: int
    frame: tuple[int, int]
    column: int
    """A column's width."""

    @property
    def size(self) -> tuple[int, int]:
        """Of all frames with their captions."""
        return (
            self.columns * (self.column + GAP) - GAP,
            self.rows * (self.frame[1] + CAPTION + GAP) - GAP,
        )

    def place(self, index: int) -> tuple[int, int]:
        """The upper left corner of a frame."""
        row, column = divmod(index, self.columns)
        return column * (self.column + GAP), row * (self.frame[1] + CAPTION + GAP)


def layout(count: int, picture: tuple[int, int], batch_size: int = 1) -> Layout:
    """So many pictures of that size, in as many columns as give a sheet of good proportions
    without a last row that is nearly empty. A batch's are larger, since there is more in them."""
    frame = fitted(picture, min(512, 128 + 128 * grid(batch_size)[0]))
    width, height = max(frame[0], NARROWEST_COLUMN) + GAP, frame[1] + CAPTION + GAP

    def flaw(columns: int) -> float:
        rows = math.ceil(count / columns)
        return abs(math.log(columns * width / (rows * height) / ASPECT)) + (columns * rows - count) / columns

    columns = min(range(1, count + 1), key=flaw)
    return Layout(columns, math.ceil(count / columns), frame, width - GAP)


def fitted(picture: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size in which a picture's longer side is ``longest``."""
    scale = longest / max(picture)
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))


def sheet(run: Run, steps: Sequence[RecordedStep]) -> Image.Image:
    """The sheet of a run's ``steps``."""
    jpegs = [step.preview for step in steps]
    placed = layout(len(steps), size_of(jpegs[0]), run.request.batch_size)
    width = max(placed.size[0], NARROWEST_SHEET)
    heading = list(_heading(run, width))
    top = MARGIN + sum(part.height + BETWEEN for part in heading) + MARGIN // 2
    made = Image.new("RGB", (width + 2 * MARGIN, top + placed.size[1] + MARGIN), GROUND)
    draw = ImageDraw.Draw(made)
    _write(draw, heading)
    left_at = run.request.branch.at if run.request.branch is not None else 0
    for index, (step, picture) in enumerate(zip(steps, frames(jpegs), strict=True)):
        x, y = placed.place(index)
        paste(made, picture, (MARGIN + x, top + y), placed.frame)
        colour = ACTS if index == left_at > 0 else INK
        _caption(draw, placed, (MARGIN + x, top + y), (str(index + 1), colour), f"sigma {noise(step.sigma)}")
    return made


def _write(draw: ImageDraw.ImageDraw, parts: Sequence[Paragraph]) -> None:
    y = MARGIN
    for part in parts:
        part.draw(draw, MARGIN, y)
        y += part.height + BETWEEN


def _heading(run: Run, width: int) -> Iterator[Paragraph]:
    request = run.request
    scale = min(max(width / READ_AT, 1), 2)
    large, small = round(28 * scale), round(18 * scale)
    if run.name:
        yield paragraph(run.name, small, ACTS, width, 2)
    yield paragraph(request.prompt or "No prompt", large, INK, width)
    if request.negative_prompt:
        yield paragraph(f"Negative prompt: {request.negative_prompt}", small, QUIET, width, 4)
    yield paragraph(settings(request), small, QUIET, width)
    if request.branch is not None:
        yield paragraph(branched(request), small, ACTS, width, 4)
    if run.note:
        yield paragraph(run.note, small, QUIET, width)


def settings(request: GenerationRequest) -> str:
    """What decides the picture beside the words, in one line."""
    parts = [
        request.sampler,
        f"{request.schedule} schedule",
        f"{request.steps} steps",
        f"CFG scale {request.cfg_scale:g}",
        f"seed {request.seed}",
        f"{request.width} x {request.height}",
        request.model,
    ]
    return " · ".join(parts)


def branched(request: GenerationRequest) -> str:
    """Where a branch left its run, and with what changed."""
    assert request.branch is not None
    changes = ", ".join(change.sentence for change in differences(request.branch.request, request))
    return f"Branch after step {request.branch.at} · {changes or 'unchanged'}"


def noise(sigma: float) -> str:
    """A noise level as people read it: 14.6, 0.292, 0.03."""
    if not math.isfinite(sigma) or sigma == 0:
        return f"{sigma:g}"
    return f"{sigma:.1f}" if sigma >= 10 else f"{sigma:.2f}" if sigma >= 1 else f"{sigma:.3f}"


def _caption(
    draw: ImageDraw.ImageDraw, placed: Layout, at: tuple[int, int], number: tuple[str, str], level: str
) -> None:
    """The step's number at the left, its noise level at the right."""
    y = at[1] + placed.frame[1] + 8
    draw.text((at[0], y), number[0], number[1], font(18))
    draw.text((at[0] + placed.column, y + 1), level, QUIET, font(16), anchor="ra")


def paste(sheet: Image.Image, picture: Image.Image, at: tuple[int, int], size: tuple[int, int]) -> None:
    """Put a picture on a sheet, scaled to ``size``, with soft corners."""
    sheet.paste(picture.resize(size, Image.Resampling.LANCZOS), at, _corners(size))


@lru_cache(8)
def _corners(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", (size[0] * 4, size[1] * 4), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), 4 * RADIUS, 255)
    return mask.resize(size, Image.Resampling.BOX)
