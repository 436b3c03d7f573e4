"""A strip as a zip of its frames, with the data of every step."""

from __future__ import annotations

import dataclasses
import json
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.timeline.words import words_in_force

if TYPE_CHECKING:
    from studio.run import Run
    from studio.timeline.record import RecordedStep

NEW_YEAR_1980 = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can tell. All entries have it, so that equal strips make equal files."""


def write_zip(run: Run, steps: Sequence[RecordedStep], path: Path) -> None:
    """Write the frames in their order, stored as they are, and ``steps.json``."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for index, step in enumerate(steps):
            file.writestr(_entry(file_name(index)), step.preview)
        file.writestr(_entry("steps.json"), json.dumps(about(run, steps), ensure_ascii=False, indent=1))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, NEW_YEAR_1980)
    entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on Windows as elsewhere
    return entry


def file_name(index: int) -> str:
    """The name of a step's frame, 001.jpg for the first."""
    return f"{index + 1:03}.jpg"


def about(run: Run, steps: Sequence[RecordedStep]) -> dict[str, Any]:
    """What ``steps.json`` says; ``request`` is what ``GenerationRequest.from_json`` reads."""
    return {
        "name": run.name,
        "note": run.note,
        "request": dataclasses.asdict(run.request),
        "steps": [_told(run, index, step) for index, step in enumerate(steps)],
    }


def _told(run: Run, index: int, step: RecordedStep) -> dict[str, Any]:
    prompt, negative_prompt = words_in_force(run.request, index)
    return {
        "file": file_name(index),
        "step": index + 1,
        "sigma": _number(step.sigma),
        "timestep": step.timestep,
        "log_snr": _number(step.level.log_snr),
        "cfg_scale": step.cfg_scale,
        "prompt": prompt,
        "negative_prompt": negative_prompt,
    }


def _number(value: float) -> float | None:
    """JSON has no infinity: pure noise and pure signal have no log-SNR."""
    return value if math.isfinite(value) else None
