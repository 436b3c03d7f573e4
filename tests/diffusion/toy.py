"""A Gaussian toy model, whose denoiser is known in closed form, and schedulers stepped on it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import SchedulerMixin
from torch import Tensor

from studio import GenerationRequest
from studio.diffusion import samplers, sigmas
from studio.diffusion.seams import StepTaken, watch_steps

Noise = Callable[[], Tensor]
MEAN, DEVIATION = 0.3, 0.7
TRAINED_AS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "steps_offset": 1,
}
BETAS = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
ALPHA_BARS = torch.cumprod(1 - BETAS, 0)
TRAINED = sigmas.of_alphas(ALPHA_BARS.numpy())


def model(x: Tensor, sigma: Tensor) -> Tensor:
    """The exact denoiser of data N(MEAN, DEVIATION^2) at noise level sigma."""
    return (DEVIATION**2 * x + sigma**2 * MEAN) / (DEVIATION**2 + sigma**2)


def slope(x: Tensor, sigma: Tensor) -> Tensor:
    """dx/dsigma of the probability flow ODE, which is also the predicted noise."""
    return (x - model(x, sigma)) / sigma


def solution(x: Tensor, sigma: float) -> Tensor:
    """Where the probability flow ODE leads from x at sigma."""
    return MEAN + DEVIATION * (x - MEAN) / (DEVIATION**2 + sigma**2) ** 0.5


def starting_noise() -> Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def draws() -> Noise:
    """The noise of stochastic samplers, the same for every call of this."""
    source = torch.Generator().manual_seed(1)
    return lambda: torch.randn(1, 4, 8, 8, generator=source)


def variance_preserving(scheduler: SchedulerMixin) -> bool:
    return hasattr(scheduler, "_sigma_to_alpha_sigma_t") or not hasattr(scheduler, "sigmas")


def levels_of(schedule: str, steps: int) -> Tensor:
    """The falling sigmas of a schedule with the final 0."""
    return torch.from_numpy(np.append(sigmas.SCHEDULES[schedule](TRAINED, steps), 0.0))


def built(label: str, schedule: str, steps: int, prediction: str = "epsilon") -> SchedulerMixin:
    request = GenerationRequest(sampler=label, schedule=schedule, steps=steps, seed=3)
    scheduler = samplers.build(request, TRAINED_AS | {"prediction_type": prediction})
    scheduler.set_timesteps(steps)
    return scheduler


@dataclass
class Path:
    """What a sampler did on its way; ``asked`` are the sigmas of the timesteps it called the model at."""

    result: Tensor
    steps: list[StepTaken]
    asked: list[float]
    noise_between: list[tuple[float, float]]


def stepped(
    label: str, schedule: str, steps: int, patch: pytest.MonkeyPatch, prediction: str = "epsilon", noisy: bool = True
) -> Path:
    """The built scheduler on the toy model, in double precision outside the scheduler."""
    scheduler = built(label, schedule, steps, prediction)
    source = draws()
    path = Path(torch.empty(0), [], [], [])

    def noise(*_: Any, **__: Any) -> Tensor:
        return source() if noisy else torch.zeros(1, 4, 8, 8)

    def noise_between(sigma: Tensor, following: Tensor) -> Tensor:
        path.noise_between.append((float(sigma), float(following)))
        return noise()

    for base in type(scheduler).__mro__:
        module = inspect.getmodule(base)
        if module is not None and module.__name__.startswith("diffusers") and hasattr(module, "randn_tensor"):
            patch.setattr(module, "randn_tensor", noise)
    if label == "DPM++ SDE":
        scheduler.noise_sampler = noise_between
    watch_steps(scheduler, path.steps.append)
    x = starting_noise() * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        sigma = torch.as_tensor(sigmas.of_timestep(np.array(float(timestep)), TRAINED))
        path.asked.append(float(sigma))
        scheduler.scale_model_input(x, timestep)
        alpha = 1 / (1 + sigma**2).sqrt()
        plain = x.double() / alpha if variance_preserving(scheduler) else x.double()
        output = slope(plain, sigma)
        if prediction == "v_prediction":
            output = alpha * output - alpha * sigma * model(plain, sigma)
        x = scheduler.step(output.float(), timestep, x).prev_sample
    path.result = x.double()
    return path


def starting_point(label: str, schedule: str, levels: Tensor) -> Tensor:
    """The first sample in sigma space."""
    preserving = variance_preserving(built(label, schedule, len(levels) - 1))
    return starting_noise().double() * ((1 + levels[0] ** 2).sqrt() if preserving else levels[0])
