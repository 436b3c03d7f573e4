"""How a run ends, as its last event."""

from __future__ import annotations

import logging

import torch

from studio.errors import GenerationFailed, OutOfMemory, StudioError, said
from studio.events import Cancelled, Failed, Paused
from studio.run import Run

log = logging.getLogger("stepwise")


OUT_OF_MEMORY = "The memory of this machine was not enough: lower the size or the batch size."


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "alloc" in str(error).lower()


def put_aside(run: Run) -> Cancelled | Paused:
    """The last event of a run that is stopped: by who asked, or because nobody looks any more."""
    kind = Cancelled if run.cancel_asked else Paused
    return kind(run=run.id, steps_done=run.kept + len(run.recording))


def failure(run: Run, error: Exception) -> Failed:
    """The last event of a run that an error ended."""
    told = coded(error)
    if told is not error:
        log.error("run %s failed", run.id, exc_info=error)
    return Failed(run=run.id, code=told.code, sentence=str(told))


def coded(error: Exception) -> StudioError:
    """The error as one with a code and a sentence a person can act on."""
    if isinstance(error, StudioError):
        return error
    if is_out_of_memory(error):
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return OutOfMemory(OUT_OF_MEMORY)
    if isinstance(error, OSError):
        return GenerationFailed(f"The picture could not be saved: {said(error)}.")
    return GenerationFailed(f"The model failed ({type(error).__name__}: {said(error)}). Try other settings.")
