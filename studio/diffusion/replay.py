"""Replay: a run goes on from a step of another, through the same unmodified pipeline.

The pipeline is called anew. Until it stands where the run goes on, its model calls are answered
without computing and its steps are passed over; then the snapshot is put in place, and from
there everything is real. So a branch costs exactly the model calls that remain, and whatever a
pipeline does by the number of the step (mask blending, control ranges) stays right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import SchedulerMixin
from torch import Tensor

from studio.diffusion import samplers
from studio.diffusion.denoised import NoiseLevel, noise_level
from studio.diffusion.midway import Midway
from studio.diffusion.snapshot import Snapshot, remember
from studio.errors import NothingToBranch
from studio.models.families.base import Family
from studio.presets import SAMPLERS
from studio.request import GenerationRequest
from studio.timeline.record import RecordedStep


@dataclass(frozen=True)
class Resume:
    """Where a run goes on."""

    snapshot: Snapshot
    level: NoiseLevel
    """Alpha and sigma of the snapshot's latents."""
    at: int
    """Recorded steps before it."""
    midway: Midway
    """Where the solver took over from another one, now or in a run before."""
    same_solver: bool
    """Whether sampler, schedule and number of steps are the ones of before, so that the solver's
    memory still fits. If not, the solver starts from these latents without history."""


def resume(request: GenerationRequest, steps: Sequence[RecordedStep], midway: Midway, family: Family) -> Resume:
    """Where the branch that ``request`` asks for goes on: after its ``at`` recorded ``steps`` of
    a run whose solver took over ``midway``.

    Raises:
        NothingToBranch: if there are fewer steps, or none left to paint.
    """
    assert request.branch is not None
    before, at = request.branch.request, request.branch.at
    if not 0 < at <= len(steps):
        raise NothingToBranch(f"There is no step {at} to go on from: this run has {len(steps)}.")
    snapshot = steps[at - 1].after
    scheduler = samplers.build(before, family.trained_as, midway)
    family.set_timesteps(scheduler, before)
    # Where a solver took over since then, the steps that a picture to start from stands in for are counted in.
    skipped, kept = midway.stood_in(before), midway.taken(before, at)
    calls = (skipped - midway.skipped) * SAMPLERS[before.sampler].evaluations + midway.calls(before.sampler, at)
    same = request.solver == before.solver
    if calls >= len(scheduler.timesteps) or not (same or kept < request.steps):
        raise NothingToBranch("There is nothing left to paint after this step: go on from an earlier one.")
    remember(scheduler, snapshot.scheduler, snapshot.latents.device)
    level = noise_level(scheduler, scheduler.timesteps[calls])
    return Resume(snapshot, level, at, midway if same else Midway(level.ratio, kept, at, skipped), same)


class Replay:
    """Counts a pipeline's steps up to ``resume``, then puts the snapshot in place and calls ``then``."""

    def __init__(self, resume: Resume, sampler: str, then: Callable[[], None]) -> None:
        self._resume, self._then = resume, then
        self.count = resume.midway.calls(sampler, resume.at)
        """Steps of the pipeline that are passed over."""
        self.left = self.count

    def step(self, scheduler: SchedulerMixin, sample: Tensor) -> Tensor:
        """What the scheduler's step answers while steps are passed over."""
        self.left -= 1
        if self.left:
            return sample
        self._then()
        return self._restore(scheduler, sample.device)

    def _restore(self, scheduler: SchedulerMixin, device: torch.device) -> Tensor:
        latents = self._resume.snapshot.latents.to(device)
        if self._resume.same_solver:
            remember(scheduler, self._resume.snapshot.scheduler, device)
            return latents
        stand_at(scheduler, self.count)
        return rescaled(latents, self._resume.level, noise_level(scheduler, scheduler.timesteps[self.count]))


def stand_at(scheduler: SchedulerMixin, index: int) -> None:
    """Put a scheduler that has taken no step before its step ``index``."""
    if hasattr(scheduler, "_step_index"):
        scheduler._step_index = index
    if hasattr(scheduler, "calls"):
        scheduler.calls = index


def rescaled(latents: Tensor, before: NoiseLevel, after: NoiseLevel) -> Tensor:
    """Latents alpha * x0 + sigma * noise in the scale of another scheduler at the same ratio of
    the two: sigma space has alpha = 1, variance-preserving space alpha^2 + sigma^2 = 1."""
    return latents * (after.alpha / before.alpha)
