"""Samplers: from a label to the diffusers scheduler that is exactly this solver on exactly these sigmas."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import SchedulerMixin
from torch import Tensor

from studio.diffusion import sigmas
from studio.presets import AUTOMATIC, SAMPLERS
from studio.request import GenerationRequest

TRAINING_KEYS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "steps_offset",
)
"""What of a model's own scheduler tells how it was trained, and so goes into every other."""


def schedule_of(request: GenerationRequest) -> str:
    """The schedule type in force, "Automatic" resolved."""
    return SAMPLERS[request.sampler].automatic if request.schedule == AUTOMATIC else request.schedule


def build(request: GenerationRequest, trained_as: Mapping[str, Any]) -> SchedulerMixin:
    """A fresh scheduler for one run of ``request`` on a model whose own scheduler has the
    configuration ``trained_as``."""
    sampler = SAMPLERS[request.sampler]
    base: Any = ThirdOrderSDE if _third_order_sde(sampler.options) else getattr(diffusers, sampler.scheduler)
    options = {key: trained_as[key] for key in TRAINING_KEYS if key in trained_as} | sampler.options
    if sampler.scheduler == "DPMSolverSDEScheduler":
        # Its Brownian tree draws from seeds of its own, one for each picture.
        options["noise_sampler_seed"] = list(request.seeds)
    if "clip_sample" in base.__init__.__wrapped__.__code__.co_varnames:
        options["clip_sample"] = False
    label = schedule_of(request)
    if label == AUTOMATIC:
        scheduler: SchedulerMixin = base(**options)
        return scheduler
    scheduler = _on_our_sigmas(base)(**options)
    scheduler.sigma_schedule = sigmas.SCHEDULES[label]
    return scheduler


class ThirdOrderSDE(diffusers.DPMSolverMultistepScheduler):  # type: ignore[misc]
    """DPM-Solver++(3M) of the SDE as k-diffusion has it (sample_dpmpp_3m_sde, eta = 1).

    In diffusers' own third-order update (0.42.1) the 1/2 of phi_3 = phi_2 / 2h - 1/2 has the
    wrong sign, so that update, and nothing else, is written here.
    """

    def multistep_dpm_solver_third_order_update(
        self, model_output_list: Sequence[Tensor], *, sample: Tensor, noise: Tensor
    ) -> Tensor:
        index = self.step_index
        oldest, older, now, following = -self.sigmas[index - 2 : index + 2].double().log()
        h, before, long_before = following - now, now - older, older - oldest
        third, second, first = model_output_list
        near, far = (first - second) * (h / before), (second - third) * (h / long_before)
        curve = (near - far) * (h / (before + long_before))
        tangent = near + curve * (before / h)
        phi_2 = torch.expm1(-2 * h) / (2 * h) + 1
        phi_3 = phi_2 / (2 * h) - 0.5
        alpha, sigma = self._sigma_to_alpha_sigma_t(self.sigmas[index + 1])
        _, sigma_now = self._sigma_to_alpha_sigma_t(self.sigmas[index])
        clean = -torch.expm1(-2 * h) * first + phi_2 * tangent - phi_3 * curve
        kept, fresh = sigma / sigma_now * torch.exp(-h), sigma * (-torch.expm1(-2 * h)).sqrt()
        return kept * sample + alpha * clean + fresh * noise


def _third_order_sde(options: Mapping[str, Any]) -> bool:
    return options.get("algorithm_type") == "sde-dpmsolver++" and options.get("solver_order") == 3


@functools.cache
def _on_our_sigmas(base: type[SchedulerMixin]) -> type[SchedulerMixin]:
    """A subclass of a k-diffusion style scheduler that takes its sigmas from ``sigma_schedule``.

    diffusers' classes differ in how they lay out their arrays (two entries a step for the
    second-order ones) but all those have one place where n sigmas come in, the exponential
    schedule, so that is where ours come in. The first-order ones have one entry a step and are
    simply set, with timesteps that are not rounded as diffusers rounds some of them.
    """
    takes_exponential = hasattr(base, "_convert_to_exponential")

    class OnOurSigmas(base):  # type: ignore[misc, valid-type]
        sigma_schedule: sigmas.Schedule = staticmethod(sigmas.uniform)
        timesteps: torch.Tensor
        num_inference_steps: int

        def __init__(self, **options: Any) -> None:
            super().__init__(**options, **({"use_exponential_sigmas": True} if takes_exponential else {}))

        def _convert_to_exponential(self, in_sigmas: Any, num_inference_steps: int) -> sigmas.Sigmas:
            return self.sigma_schedule(sigmas.of_alphas(self.alphas_cumprod.numpy()), num_inference_steps)

        @functools.wraps(base.set_timesteps)
        def set_timesteps(self, *arguments: Any, **options: Any) -> None:
            super().set_timesteps(*arguments, **options)
            if len(self.timesteps) != self.num_inference_steps:
                return
            trained = sigmas.of_alphas(self.alphas_cumprod.numpy())
            chosen = self.sigma_schedule(trained, self.num_inference_steps)
            timesteps = sigmas.to_timestep(chosen, trained).astype(np.float32)
            self.sigmas = torch.from_numpy(np.append(chosen, 0.0).astype(np.float32))
            self.timesteps = torch.from_numpy(timesteps).to(self.timesteps.device)

    OnOurSigmas.__name__ = OnOurSigmas.__qualname__ = base.__name__
    return OnOurSigmas
