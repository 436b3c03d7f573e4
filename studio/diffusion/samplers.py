"""Samplers: from a label to the diffusers scheduler that is exactly this solver on exactly these sigmas."""

import copy
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import SchedulerMixin
from torch import Tensor

from studio.diffusion import flow_samplers, sigmas
from studio.diffusion.midway import START, Midway
from studio.diffusion.sigmas import Schedule, Sigmas
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


LEAST_SIGNAL = 2.0**-24
"""What is left of the signal's power where noise was trained to leave none: sigma must be finite, and diffusers' Euler
has the same."""


def schedule_of(request: GenerationRequest) -> str:
    """The schedule type in force, "Automatic" resolved."""
    return SAMPLERS[request.sampler].automatic if request.schedule == AUTOMATIC else request.schedule


def build(request: GenerationRequest, trained_as: Mapping[str, Any], midway: Midway = START) -> SchedulerMixin:
    """A fresh scheduler for one run of ``request`` on a model whose own scheduler has the
    configuration ``trained_as``. Where it takes over ``midway``, its first timesteps only keep the count right.

    Raises:
        RequestRefused: for a sampler that does not go with the model.
    """
    if flow_samplers.is_flow(trained_as):
        return flow_samplers.build(request, trained_as, midway)
    sampler = SAMPLERS[request.sampler]
    base: Any = ThirdOrderSDE if _third_order_sde(sampler.options) else getattr(diffusers, sampler.scheduler)
    options = _trained(trained_as) | sampler.options
    if "clip_sample" in base.__init__.__wrapped__.__code__.co_varnames:
        options["clip_sample"] = False
    label = schedule_of(request)
    if label == AUTOMATIC and midway == START and sampler.scheduler == "PNDMScheduler":
        scheduler = _made(_first_step_twice(base), options)
        scheduler.skipped = request.skipped
    elif label == AUTOMATIC and midway == START:
        scheduler = _made(base, options)
    elif label == AUTOMATIC and not hasattr(base, "_convert_to_exponential"):
        scheduler = _made(_on_timesteps_from(base), options)
        scheduler.midway = midway
    else:
        scheduler = _made(_on_our_sigmas(base), options)
        schedule = sigmas.SCHEDULES["Uniform" if label == AUTOMATIC else label]
        scheduler.sigma_schedule = schedule if midway == START else sigmas.midway(schedule, midway.sigma, midway.kept)
    if sampler.scheduler == "DPMSolverSDEScheduler":
        # Its Brownian tree draws from seeds of its own, one for each picture.
        scheduler.noise_sampler_seed = list(request.noise_seeds)
    return scheduler


def _trained(trained_as: Mapping[str, Any]) -> dict[str, Any]:
    """What a model's own scheduler tells of how it was trained. Where its noise was rescaled to leave no signal at the
    end (Lin et al. 2023, https://arxiv.org/abs/2305.08891), as betas, which every scheduler takes."""
    told = {key: trained_as[key] for key in TRAINING_KEYS if key in trained_as}
    if not trained_as.get("rescale_betas_zero_snr"):
        return told
    kept = diffusers.DDIMScheduler(**told, rescale_betas_zero_snr=True).alphas_cumprod.double().numpy().copy()
    kept[-1] = LEAST_SIGNAL
    return told | {"trained_betas": (1 - kept / np.append(1.0, kept[:-1])).tolist()}


def _made(base: Callable[..., SchedulerMixin], options: Mapping[str, Any]) -> SchedulerMixin:
    """A scheduler as ``base(**options)`` makes it. diffusers' second-order schedulers lay out all the steps they were
    trained on whenever one is made, which takes DPM2 half a second, so one of each kind is kept and copied."""
    return copy.deepcopy(_first_made(base, json.dumps(options)))


@functools.lru_cache(maxsize=64)
def _first_made(base: Callable[..., SchedulerMixin], options: str) -> SchedulerMixin:
    made: SchedulerMixin = base(**json.loads(options))
    return made


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
        sigma_schedule: Schedule = staticmethod(sigmas.uniform)
        timesteps: torch.Tensor
        sigmas: torch.Tensor
        num_inference_steps: int

        def __init__(self, **options: Any) -> None:
            super().__init__(**options, **({"use_exponential_sigmas": True} if takes_exponential else {}))

        def _convert_to_exponential(self, in_sigmas: Any, num_inference_steps: int) -> Sigmas:
            return self.sigma_schedule(sigmas.of_alphas(self.alphas_cumprod.numpy()), num_inference_steps)

        @functools.wraps(base.set_timesteps)
        def set_timesteps(self, *arguments: Any, **options: Any) -> None:
            super().set_timesteps(*arguments, **options)
            if len(self.timesteps) != self.num_inference_steps:
                return
            trained = sigmas.of_alphas(self.alphas_cumprod.numpy())
            chosen = self.sigma_schedule(trained, self.num_inference_steps)
            timesteps = sigmas.to_timestep(chosen, trained).astype(np.float32)
            last = float(self.sigmas[-1])
            self.sigmas = torch.from_numpy(np.append(chosen, last).astype(np.float32))
            self.timesteps = torch.from_numpy(timesteps).to(self.timesteps.device)

    OnOurSigmas.__name__ = OnOurSigmas.__qualname__ = base.__name__
    return OnOurSigmas


@functools.cache
def _first_step_twice(base: type[SchedulerMixin]) -> type[SchedulerMixin]:
    """PLMS whose first step is taken twice also where a picture stands in for some of them: diffusers has the second
    timestep of all twice, which the pipelines that begin later leave out, and so begin one timestep too early."""

    class FirstStepTwice(base):  # type: ignore[misc, valid-type]
        skipped: int
        timesteps: torch.Tensor

        @functools.wraps(base.set_timesteps)
        def set_timesteps(self, *arguments: Any, **options: Any) -> None:
            super().set_timesteps(*arguments, **options)
            each = torch.unique(self.timesteps).flip(0)
            if self.skipped and len(each) < len(self.timesteps):
                twice = min(self.skipped + 1, len(each) - 1)
                self.timesteps = torch.cat([each[: twice + 1], each[twice:]])

    FirstStepTwice.__name__ = FirstStepTwice.__qualname__ = base.__name__
    return FirstStepTwice


@functools.cache
def _on_timesteps_from(base: type[SchedulerMixin]) -> type[SchedulerMixin]:
    """A subclass of a scheduler on whole timesteps (DDIM, DDPM, PLMS, LCM, TCD) that takes over
    midway, its steps spread evenly over the timesteps that are left."""

    class Midways(base):  # type: ignore[misc, valid-type]
        midway: Midway
        timesteps: torch.Tensor
        num_inference_steps: Any

        @functools.wraps(base.set_timesteps)
        def set_timesteps(self, *arguments: Any, **options: Any) -> None:
            super().set_timesteps(*arguments, **options)
            kept, trained = self.midway.kept, sigmas.of_alphas(self.alphas_cumprod.numpy())
            first = int(sigmas.to_timestep(np.array(self.midway.sigma), trained).round())
            left = int(self.num_inference_steps) - kept
            ours = np.linspace(first, -1, left + 1).round().clip(0)[:-1].astype(np.int64)
            # These only keep the count, but the picture a run began from is noised to the first of them.
            before = (first + np.arange(kept, 0, -1)).clip(max=len(trained) - 1)
            if len(self.timesteps) == kept + left + 1:  # PLMS, which takes its first step twice
                ours = np.insert(ours, 1, ours[1] if left > 1 else ours[0])
            self.timesteps = torch.from_numpy(np.concatenate([before, ours])).to(self.timesteps.device)
            self.calls = 0

        @functools.wraps(base.step)
        def step(self, *arguments: Any, **options: Any) -> Any:
            # DDIM and PLMS find the timestep to go to by an even stride; here strides differ.
            whole, at = self.num_inference_steps, self.calls
            stops = [*self.timesteps.tolist(), -1]
            stride = stops[at] - stops[at + 1] or stops[at - 1] - stops[at]
            if stride > 0 and not hasattr(self, "step_index"):
                self.num_inference_steps = Fraction(self.config.num_train_timesteps, stride)
            try:
                return super().step(*arguments, **options)
            finally:
                self.num_inference_steps = whole
                self.calls += 1

    Midways.__name__ = Midways.__qualname__ = base.__name__
    return Midways
