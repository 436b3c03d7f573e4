"""Saved runs: one file with everything a run was, from which it goes on to the bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from studio import limits
from studio.diffusion.midway import Midway
from studio.errors import StudioError, UnreadableRun
from studio.events import Cancelled, Event, Failed, Finished, Paused, Started, Step
from studio.request import GenerationRequest
from studio.run import Run
from studio.timeline import file_format
from studio.timeline.record import RecordedStep

SMALLEST_SCALE = 4
ENDS: dict[str, Callable[[Run], Event]] = {
    "Finished": lambda run: Finished(run=run.id, elapsed_s=0.0),
    "Cancelled": lambda run: Cancelled(run=run.id, steps_done=len(run.recording)),
    "Paused": lambda run: Paused(run=run.id, steps_done=len(run.recording)),
    "Failed": lambda run: Failed(run=run.id, code="saved", sentence="This run had failed when it was saved."),
}


def save(run: Run, path: Path, pictures: Mapping[str, bytes]) -> None:
    """Write a run that has ended into one file, whole or not at all, with the PNGs that its
    request names.

    Raises:
        StudioError: if it is still being painted.
        OSError: if it could not be written.
    """
    if not run.ended:
        raise StudioError("This run is still being painted: pause or stop it, then save it.")
    about = {
        "request": run.request.to_json(),
        "name": run.name,
        "note": run.note,
        "fingerprint": run.weights_hash(),
        "evaluations": run.evaluations,
        "midway": [run.midway.sigma, run.midway.kept, run.midway.at, run.midway.skipped],
        "end": type(run.last_event).__name__,
    }
    file_format.write(path, run.steps, about, pictures)


def open_run(
    path: Path, owner: str, decode: Callable[[GenerationRequest], file_format.Decode]
) -> tuple[Run, dict[str, bytes]]:
    """The run of a saved file, with all its steps its own, and the PNGs that its request names;
    ``decode`` gives the autoencoder that a request is painted with.

    Raises:
        UnreadableRun: if the file is truncated, of another version, or none at all.
        RequestRefused: if its settings are outside the limits.
    """

    def later(latents: Tensor) -> Tensor:
        return decode(request)(latents)

    steps, about, pictures = file_format.read(path, later)
    request = _request(about)
    limits.check(request)
    _check_fit(steps, request)
    run = Run(request, owner)
    run.name, run.note = (str(about.get(key, ""))[:2000] for key in ("name", "note"))
    for step in steps:
        run.recording.append(step)
    run.weights_hash = partial(str, about.get("fingerprint"))
    run.midway = _midway(about.get("midway"))
    run.evaluations = max(_count(about.get("evaluations")), len(steps))
    _tell(run, str(about.get("end")))
    return run, pictures


def _request(about: dict[str, Any]) -> GenerationRequest:
    try:
        return GenerationRequest.from_json(about["request"])
    except (KeyError, ValueError, TypeError) as error:
        raise UnreadableRun(file_format.BROKEN) from error


def _check_fit(steps: Sequence[RecordedStep], request: GenerationRequest) -> None:
    """Latents of another size than the request's would cost whoever decodes them. Autoencoders make pictures
    smaller by 4 at least, and have fewer numbers for them than they have pixels."""
    pixels = request.width * request.height * max(request.frames, math.ceil(request.seconds))
    for shape in (step.noisy.shape for step in steps):
        if len(shape) < 3 or shape[0] != request.batch_size or math.prod(shape[1:]) > pixels:
            raise UnreadableRun(file_format.BROKEN)
        if len(shape) == 4 and shape[2] * shape[3] * SMALLEST_SCALE**2 > pixels:
            raise UnreadableRun(file_format.BROKEN)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= file_format.MOST_STEPS:
        raise UnreadableRun(file_format.BROKEN)
    return value


def _midway(values: Any) -> Midway:
    match values:
        # Earlier files do not say for how many steps a picture stands in.
        case [int() | float() as sigma, *counts] if 2 <= len(counts) <= 3:
            return Midway(float(sigma), *map(_count, counts))
    raise UnreadableRun(file_format.BROKEN)


def _tell(run: Run, end: str) -> None:
    """The events of the run, as whoever opens it reads them."""
    if end not in ENDS:
        raise UnreadableRun(file_format.BROKEN)
    run.post(Started(run=run.id, steps=run.request.steps, evaluations=run.evaluations))
    for index, step in enumerate(run.recording.steps):
        told = Step(
            run=run.id,
            index=index,
            total=run.evaluations,
            sigma=step.sigma,
            timestep=step.timestep,
            elapsed_s=0.0,
            left_s=0.0,
            preview=step.draft,
        )
        run.post(told)
    run.post(ENDS[end](run))
