"""Counting a sampler's steps where one takes over from another. Pure, and known without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from studio.presets import SAMPLERS
from studio.request import GenerationRequest


@dataclass(frozen=True)
class Midway:
    """Where a solver takes over from another: at noise level ``sigma``, with ``kept`` of its
    steps taken by the one before, which made ``at`` recorded steps of them; for ``skipped`` of them
    the picture stands in that all began from. The steps left are spread from there, by its own schedule."""

    sigma: float
    kept: int
    at: int
    skipped: int = 0

    def calls(self, sampler: str, at: int) -> int:
        """How many calls of its own step a pipeline has made when ``at`` steps are recorded,
        the ones that only keep the count included."""
        return self.kept * SAMPLERS[sampler].evaluations + at - self.at

    def steps(self, sampler: str, at: int) -> int:
        """How many of the sampler's steps those are, one that was begun counted in."""
        return self.kept + _steps_of(sampler, at - self.at)

    def stood_in(self, request: GenerationRequest) -> int:
        """For how many of the sampler's steps a picture stands in that ``request``, or a run before it, began from."""
        return request.skipped if self == START else self.skipped

    def taken(self, request: GenerationRequest, at: int) -> int:
        """How many of its sampler's steps are behind when ``at`` steps of ``request`` are recorded, those included that
        a picture stands in for."""
        return self.stood_in(request) - self.skipped + self.steps(request.sampler, at)


START = Midway(float("inf"), 0, 0)
"""Of a solver that has painted from noise on."""


def _steps_of(sampler: str, calls: int) -> int:
    if SAMPLERS[sampler].scheduler == "PNDMScheduler":
        return calls - (calls > 1)  # PLMS takes its first step twice
    return -(-calls // SAMPLERS[sampler].evaluations)
