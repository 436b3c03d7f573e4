"""The two seams: where a running, unmodified diffusers pipeline meets the engine.

Every pipeline does two things at each step: it calls its denoiser and it calls
``scheduler.step``. Run in a greenlet, both calls can be taken out of its hands:

- the **model seam** hands the denoiser's arguments to the engine instead of computing, so
  that the engine can join the calls of several runs into one forward;
- the **step seam** shows each step's x_t, sigma and predicted clean image x0 to the run.

A pipeline that starts from a picture also calls ``scheduler.add_noise``, once (``scale_noise``
where the model is trained by flow matching): the forward process. The run may change there what
is noised, and with what.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import SchedulerMixin
from diffusers.schedulers.scheduling_utils import SchedulerOutput
from greenlet import getcurrent, greenlet
from torch import Tensor, nn

from studio.diffusion.denoised import NoiseLevel, denoised, noise_level
from studio.diffusion.inpaint import LatentBlend, forward_process
from studio.diffusion.replay import Replay
from studio.diffusion.snapshot import State, StateReader


@dataclass(frozen=True)
class ModelCall:
    """A denoiser's call that waits to be computed."""

    module: nn.Module
    forward: Callable[..., Any]
    """The module's own forward."""
    arguments: dict[str, Any]
    """By parameter name."""


@dataclass(frozen=True)
class StepTaken:
    """What one call of ``scheduler.step`` took and made."""

    timestep: float
    level: NoiseLevel
    noisy: Tensor
    """x_t (N, C, h, w), the sample before the step."""
    denoised: Tensor
    """x0 (N, C, h, w), the clean image predicted from it."""
    latents: Tensor
    """The sample after the step."""
    scheduler: State
    """What the scheduler remembers after the step."""
    done: int
    """How many of the scheduler's steps are behind with it, those left out for a picture to start from counted in."""


class InRun(greenlet):
    """The greenlet a run's pipeline lives in; only from here are model calls handed over."""


class ModelSeam:
    """Adapts a denoiser's ``forward``; ``remove`` puts the original back."""

    def __init__(self, module: nn.Module) -> None:
        self._module, self._forward = module, module.forward
        signature = inspect.signature(module.forward)

        @functools.wraps(module.forward)
        def forward(*args: Any, **kwargs: Any) -> Any:
            current = getcurrent()
            if not isinstance(current, InRun):
                return self._forward(*args, **kwargs)
            arguments = dict(signature.bind(*args, **kwargs).arguments)
            arguments |= arguments.pop("kwargs", {})
            assert current.parent is not None
            return current.parent.switch(ModelCall(module, self._forward, arguments))

        module.forward = forward

    def remove(self) -> None:
        """Give the module its own forward back."""
        if self._module.forward is not self._forward:
            del self._module.forward


def watch_noising(scheduler: SchedulerMixin, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
    """Have a pipeline's noising of the picture it starts from noise what ``change`` makes of the
    picture's latents and the noise (both (N, C, h, w))."""
    add_noise = forward_process(scheduler)

    @functools.wraps(add_noise)
    def noised(original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        return add_noise(*change(original_samples, noise), timesteps)

    def scaled(sample: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        return noised(sample, noise, timestep)

    if hasattr(scheduler, "scale_noise"):
        scheduler.scale_noise = scaled
    else:
        scheduler.add_noise = noised


def watch_steps(
    scheduler: SchedulerMixin,
    see: Callable[[StepTaken], None],
    replay: Replay | None = None,
    blend: LatentBlend | None = None,
    sources: Sequence[torch.Generator] = (),
    begun: Callable[[], None] = lambda: None,
    left_out: int = 0,
) -> None:
    """The step seam: call ``see`` after every step of this scheduler, which belongs to one run,
    but for those that ``replay`` passes over, and ``begun`` before the first; ``left_out`` steps the
    pipeline never takes. With ``blend`` what is outside a mask is held. A scheduler that draws noise, and
    that its pipeline gives no generator, draws it from ``sources``.

    The wrapped ``step`` keeps its signature, since pipelines look at it before they pass a
    generator or eta.
    """
    step = scheduler.step
    draws = bool(sources) and "generator" in inspect.signature(step).parameters
    memory: StateReader | None = None
    done = left_out

    @functools.wraps(step)
    def watched(model_output: Tensor, timestep: Any, sample: Tensor, *args: Any, **kwargs: Any) -> Any:
        nonlocal memory, done
        done += 1
        if memory is None:  # the first step: timesteps are set, nothing is remembered yet
            memory = StateReader(scheduler)
            begun()
        if replay is not None and replay.left:
            return _answer(replay.step(scheduler, sample), kwargs)
        if draws and kwargs.get("generator") is None:
            kwargs["generator"] = list(sources)
        level = noise_level(scheduler, timestep)
        clean = denoised(scheduler, model_output, sample, level)
        result = step(model_output, timestep, sample, *args, **kwargs)
        latents = result[0] if isinstance(result, tuple) else result.prev_sample
        if blend is not None:
            latents, clean = blend.latents(latents, done), blend.denoised(clean, done)
        see(StepTaken(float(timestep), level, sample, clean, latents, memory.read(), done))
        return result if blend is None else _answer(latents, kwargs)

    scheduler.step = watched


def _answer(latents: Tensor, options: dict[str, Any]) -> Any:
    return SchedulerOutput(prev_sample=latents) if options.get("return_dict", True) else (latents,)
