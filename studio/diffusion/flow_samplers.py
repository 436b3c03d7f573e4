"""Samplers for models trained by flow matching: diffusers' schedulers on the noise levels such a model stops at.

Sigma goes from 1, noise alone, to 0, and x_t = (1 - sigma) x0 + sigma noise (Lipman et al. 2023,
https://arxiv.org/abs/2210.02747). How sigmas are spread depends on the size of the picture, and
only the model's own scheduler knows how, so that one is asked.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import SchedulerMixin
from torch import Tensor

from studio.diffusion import sigmas
from studio.diffusion.midway import START, Midway
from studio.diffusion.sigmas import Schedule, Sigmas
from studio.errors import RequestRefused
from studio.presets import AUTOMATIC, FLOW_SAMPLERS, SAMPLERS
from studio.request import GenerationRequest

TRAINED = 1000
NEARLY_NOISE = 1 - 1e-6
"""Multistep solvers reckon with the logarithm of 1 - sigma."""


def is_flow(trained_as: Mapping[str, Any]) -> bool:
    """Whether a model whose own scheduler has that configuration was trained by flow matching."""
    return "Flow" in str(trained_as.get("_class_name")) or bool(trained_as.get("use_flow_sigmas"))


def build(request: GenerationRequest, trained_as: Mapping[str, Any], midway: Midway = START) -> SchedulerMixin:
    """A fresh scheduler for one run of ``request``, as ``samplers.build``.

    Raises:
        RequestRefused: for a sampler that is not made for flow models.
    """
    sampler = SAMPLERS[request.sampler].flow
    if sampler is None:
        raise RequestRefused(
            "sampler", f"{request.sampler} does not go with this model: choose {', '.join(FLOW_SAMPLERS)}."
        )
    own = getattr(diffusers, str(trained_as["_class_name"])).from_config(trained_as)
    if sampler.scheduler == trained_as["_class_name"] and request.schedule == AUTOMATIC and midway == START:
        return _with_scale_noise(type(own)).from_config(trained_as)  # type: ignore[no-any-return, arg-type]
    scheduler: SchedulerMixin = _on_flow_sigmas(getattr(diffusers, sampler.scheduler))(**sampler.options)
    scheduler.own, scheduler.schedule = own, None
    if request.schedule != AUTOMATIC:
        scheduler.schedule = sigmas.SCHEDULES[request.schedule]
    if midway != START:
        share = midway.sigma / (1 + midway.sigma)
        scheduler.schedule = sigmas.midway(scheduler.schedule or sigmas.simple, share, midway.kept)
    return scheduler


@functools.cache
def _with_scale_noise(base: type[SchedulerMixin]) -> type[SchedulerMixin]:
    """A subclass that has what pipelines call the forward process of flow matching."""
    if hasattr(base, "scale_noise"):
        return base

    class WithScaleNoise(base):  # type: ignore[misc, valid-type]
        timesteps: Tensor
        sigmas: Tensor

        def scale_noise(self, sample: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
            """A clean sample noised to where a timestep stands."""
            at = int((self.timesteps - timestep.flatten()[0].to(self.timesteps)).abs().argmin())
            sigma = self.sigmas[at].to(sample)
            return (1 - sigma) * sample + sigma * noise

    WithScaleNoise.__name__ = WithScaleNoise.__qualname__ = base.__name__
    return WithScaleNoise


@functools.cache
def _on_flow_sigmas(base: type[SchedulerMixin]) -> type[SchedulerMixin]:
    """A subclass that takes its sigmas from ``schedule``, or those of the model's ``own``
    scheduler where that is None, whatever a pipeline tells it."""

    class OnFlowSigmas(_with_scale_noise(base)):  # type: ignore[misc]
        own: SchedulerMixin
        schedule: Schedule | None
        timesteps: Tensor
        sigmas: Tensor

        def set_timesteps(
            self,
            num_inference_steps: int | None = None,
            device: Any = None,
            sigmas: Sequence[float] | None = None,
            mu: float | None = None,
        ) -> None:
            """Take that many steps, by the shift ``mu`` where the model asks for one."""
            steps = len(sigmas) if num_inference_steps is None and sigmas is not None else num_inference_steps or 0
            chosen = (
                self.schedule(_trained(self.own, mu), steps) if self.schedule else _own(self.own, steps, sigmas, mu)
            )
            super().set_timesteps(steps, device=device)
            most = 1.0 if "Flow" in base.__name__ else NEARLY_NOISE
            levels = torch.from_numpy(np.minimum(chosen, most)).float()
            if len(self.timesteps) > steps:  # two entries a step, as diffusers' Heun lays them out
                levels = torch.cat([levels[:1], levels[1:].repeat_interleave(2)])
            self.timesteps = (levels * TRAINED).to(self.timesteps.device)
            self.sigmas = torch.cat([levels, levels.new_zeros(1)]).to(self.sigmas.device)

    OnFlowSigmas.__name__ = OnFlowSigmas.__qualname__ = base.__name__
    return OnFlowSigmas


def _own(scheduler: SchedulerMixin, steps: int, told: Any, mu: float | None) -> Sigmas:
    """The falling sigmas at which the model's own scheduler would stop."""
    options = {"sigmas": None if told is None else np.asarray(told), "mu": mu}
    taken = inspect.signature(scheduler.set_timesteps).parameters
    given = {name: value for name, value in options.items() if name in taken and value is not None}
    scheduler.set_timesteps(steps, **given)
    found: Sigmas = scheduler.sigmas[:-1].double().numpy()
    return found


def _trained(scheduler: SchedulerMixin, mu: float | None) -> Sigmas:
    """The sigma of every training timestep, in rising order, shifted as for this picture."""
    table = _own(scheduler, TRAINED, np.linspace(1, 1 / TRAINED, TRAINED), mu)[::-1].copy()
    return table.clip(1e-6)
