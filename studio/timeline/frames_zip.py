"""A strip as a zip of its frames, with the data of every step."""

from __future__ import annotations

import dataclasses
import json
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.diffusion.midway import START, Midway
from studio.presets import SAMPLERS
from studio.prompt_schedule import words_at

if TYPE_CHECKING:
    from studio.request import GenerationRequest
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


def words_in_force(request: GenerationRequest, index: int) -> tuple[str, str]:
    """Prompt and negative prompt that recorded step ``index``, 0 for the first, was painted
    with: those of the run it was painted in, with their scheduling resolved."""
    while request.branch is not None and index < request.branch.at:
        request = request.branch.request
    calls = midway_of(request).calls(request.sampler, index)
    step = min(calls // SAMPLERS[request.sampler].evaluations + 1, request.steps)
    texts = request.prompt, request.negative_prompt
    return words_at(texts[0], step, request.steps), words_at(texts[1], step, request.steps)


def midway_of(request: GenerationRequest) -> Midway:
    """Where its solver took over from another, but for the sigma; a request alone tells it, so
    that it is known of the runs before a saved one too."""
    branch = request.branch
    if branch is None:
        return START
    before = midway_of(branch.request)
    if request.solver == branch.request.solver:
        return before
    return Midway(math.nan, before.steps(branch.request.sampler, branch.at), branch.at)
