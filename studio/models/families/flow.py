"""What models trained by flow matching share: their noise levels follow from the size of the picture."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from diffusers import SchedulerMixin
from diffusers.pipelines.flux.pipeline_flux import calculate_shift

from studio.diffusion.denoised import NoiseLevel
from studio.models.families.base import Family
from studio.request import GenerationRequest

JUST_BELOW = 1e-6


class FlowFamily(Family):
    """A transformer that predicts the flow from picture to noise: x_t = (1 - sigma) x0 + sigma noise
    (Lipman et al. 2023, https://arxiv.org/abs/2210.02747)."""

    sized = True
    control = ""
    maps = "control_image"
    even = False
    """Whether its pipeline spreads sigmas evenly from 1 to 1 / steps before they are shifted."""

    def tokens(self, request: GenerationRequest) -> int:
        """How many patches of the picture the transformer sees."""
        return (request.width // self.multiple) * (request.height // self.multiple)

    def set_timesteps(self, scheduler: SchedulerMixin, request: GenerationRequest) -> None:
        """With the shift for that many patches, where the model's scheduler asks for one."""
        told: dict[str, Any] = {}
        if self.even:
            told["sigmas"] = np.linspace(1.0, 1 / request.steps, request.steps)
        if self.trained_as.get("use_dynamic_shifting"):
            told["mu"] = self.shift(request)
        taken = inspect.signature(scheduler.set_timesteps).parameters
        scheduler.set_timesteps(request.steps, **{name: value for name, value in told.items() if name in taken})

    def shift(self, request: GenerationRequest) -> float:
        """Larger pictures need more noise to be lost in it: mu of the time shift."""
        told = self.trained_as
        return float(
            calculate_shift(
                self.tokens(request),
                told.get("base_image_seq_len", 256),
                told.get("max_image_seq_len", 4096),
                told.get("base_shift", 0.5),
                told.get("max_shift", 1.15),
            )
        )

    def level(self, timestep: int) -> NoiseLevel:
        """Of 1,000 steps, each takes a thousandth of the picture; the last leaves a trace of it."""
        sigma = min(timestep, 999) / 1000
        return NoiseLevel(1 - sigma, sigma)

    def strength(self, request: GenerationRequest) -> float:
        """These pipelines round down the steps that are passed over, where Stable Diffusion's round
        down those that are taken."""
        return (request.steps - request.skipped) / request.steps - JUST_BELOW
