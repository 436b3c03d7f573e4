"""The words that each recorded step was painted with: those of the run it was painted in, scheduled (pure)."""

from __future__ import annotations

import math

from studio import prompt_schedule
from studio.diffusion.midway import START, Midway
from studio.presets import SAMPLERS
from studio.prompt_schedule import words_at
from studio.request import GenerationRequest


def words_in_force(request: GenerationRequest, index: int) -> tuple[str, str]:
    """Prompt and negative prompt that recorded step ``index``, 0 for the first, was painted
    with: those of the run it was painted in, with their scheduling resolved."""
    while request.branch is not None and index < request.branch.at:
        request = request.branch.request
    midway = midway_of(request)
    done = midway.calls(request.sampler, index) // SAMPLERS[request.sampler].evaluations - midway.skipped
    step = min(done + 1, request.steps)
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
    kept, skipped = before.taken(branch.request, branch.at), before.stood_in(branch.request)
    return Midway(math.nan, kept, branch.at, skipped)


def steps_taken(request: GenerationRequest, at: int) -> int:
    """How many of its sampler's steps are behind when ``at`` steps of a request are recorded, those included that a
    picture to start from stands in for, as diffusion/replay.py counts them."""
    return midway_of(request).taken(request, at)


def are_scheduled(request: GenerationRequest) -> bool:
    """Whether the prompt of a run, or of one that it shares steps with, holds any scheduling."""
    before = request.branch is not None and are_scheduled(request.branch.request)
    return before or prompt_schedule.is_scheduled(request.prompt)
