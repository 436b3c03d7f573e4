"""The predicted clean image x0 and the noise level, from any diffusers scheduler at any step."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import SchedulerMixin
from torch import Tensor

FLOW_TOLERANCE = 1e-6


@dataclass(frozen=True)
class NoiseLevel:
    """x_t = alpha * x0 + sigma * noise, as the scheduler scales its samples."""

    alpha: float
    sigma: float

    @property
    def ratio(self) -> float:
        """Noise over signal, the same for every scaling."""
        return self.sigma / self.alpha if self.alpha else float("inf")

    @property
    def flow(self) -> bool:
        """Whether it is one of flow matching, where alpha is 1 - sigma."""
        return self.alpha + self.sigma < 1 + FLOW_TOLERANCE

    @property
    def shown(self) -> float:
        """The sigma shown to people: noise over signal, as k-diffusion has it, and for flow models
        sigma itself, from 1 to 0."""
        return self.sigma if self.flow else self.ratio

    @property
    def log_snr(self) -> float:
        """ln(alpha^2 / sigma^2), the natural logarithm of signal over noise in power (Kingma et al. 2021,
        https://arxiv.org/abs/2107.00630): infinite without noise, minus infinity without signal."""
        if not self.sigma:
            return math.inf
        return 2 * math.log(self.alpha / self.sigma) if self.alpha else -math.inf


def noise_level(scheduler: SchedulerMixin, timestep: Any) -> NoiseLevel:
    """Alpha and sigma of the sample that ``scheduler.step`` is about to take at ``timestep``."""
    if hasattr(scheduler, "sigmas") and hasattr(scheduler, "_init_step_index"):
        if scheduler.step_index is None:
            scheduler._init_step_index(timestep)
        sigma = float(_current_sigma(scheduler))
        if getattr(scheduler, "_sigma_to_alpha_sigma_t", None):
            alpha_t, sigma_t = scheduler._sigma_to_alpha_sigma_t(torch.tensor(sigma))
            return NoiseLevel(float(alpha_t), float(sigma_t))
        if "Flow" in type(scheduler).__name__:
            return NoiseLevel(1 - sigma, sigma)
        return NoiseLevel(1.0, sigma)
    alpha_bar = float(scheduler.alphas_cumprod[int(timestep)])
    return NoiseLevel(alpha_bar**0.5, (1 - alpha_bar) ** 0.5)


def _current_sigma(scheduler: SchedulerMixin) -> Tensor:
    """The sigma of the sample now at hand. The two-stage solvers of the DPM2 and SDE kind hold
    the sample of their second stage at a sigma between two entries of their table."""
    index = scheduler.step_index
    if getattr(scheduler, "state_in_first_order", True):
        return scheduler.sigmas[index]  # type: ignore[no-any-return]
    if hasattr(scheduler, "sigmas_interpol"):
        # The ancestral one keeps its middles beside the first stage, the other beside the second.
        return scheduler.sigmas_interpol[index - 1 if hasattr(scheduler, "sigmas_up") else index]
    if type(scheduler).__name__.startswith("DPMSolverSDE"):
        return (scheduler.sigmas[index - 1] * scheduler.sigmas[index]).sqrt()  # type: ignore[no-any-return]
    return scheduler.sigmas[index]  # type: ignore[no-any-return]


def denoised(scheduler: SchedulerMixin, output: Tensor, sample: Tensor, level: NoiseLevel) -> Tensor:
    """x0 from the model's output at a sample, for epsilon, v, sample and flow prediction.

    v is alpha * noise - sigma * x0 (Salimans and Ho 2022, https://arxiv.org/abs/2202.00512) of
    the variance-preserving sample, into which a k-diffusion style one is rescaled first.
    """
    alpha, sigma = level.alpha, level.sigma
    kind = "flow_prediction" if "Flow" in type(scheduler).__name__ else scheduler.config.prediction_type
    if kind == "flow_prediction":
        return sample - sigma * output
    if kind == "epsilon":
        return (sample - sigma * output) / alpha
    if kind == "v_prediction":
        size = (alpha**2 + sigma**2) ** 0.5
        return (alpha / size * sample - sigma * output) / size
    if kind == "sample":
        return output
    raise ValueError(f"no formula for prediction type {kind!r}")
