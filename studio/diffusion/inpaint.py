"""Inpainting with any model: what is outside a mask follows the picture's own noising."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from diffusers import SchedulerMixin
from PIL import Image
from torch import Tensor
from torch.nn import functional

from studio.diffusion.denoised import noise_level


class LatentBlend:
    """After every step, puts the picture, noised to where the step led, back outside the mask
    (Avrahami et al. 2022, "Blended Latent Diffusion", https://arxiv.org/abs/2206.02779).

    A gradual mask sets free in the order of its greys: the lighter, the earlier (Levin and Fried
    2023, "Differential Diffusion", https://arxiv.org/abs/2306.00950). ``begin`` is told the
    picture's latents and the noise; ``skipped`` is how many steps the picture stands in for, in
    calls of the scheduler's own step.
    """

    def __init__(self, mask: Tensor, gradual: bool, scheduler: SchedulerMixin, skipped: int) -> None:
        self._mask, self._gradual = mask, gradual
        self._scheduler, self._skipped = scheduler, skipped
        self._noised = forward_process(scheduler)
        self._clean: Tensor | None = None
        self._noise: Tensor | None = None

    def begin(self, clean: Tensor, noise: Tensor) -> None:
        """Take the latents (N, C, h, w) of the picture, and the noise they are noised with."""
        self._clean, self._noise = clean, noise

    def latents(self, latents: Tensor, done: int) -> Tensor:
        """What the step that was the scheduler's ``done``-th made, blended; as it is if nothing began."""
        if self._clean is None or self._noise is None:
            return latents
        timesteps = self._scheduler.timesteps
        held = self._clean
        if done < len(timesteps):
            held = self._noised_to(held, self._noise, timesteps[done : done + 1])
        return self.mixed(held, latents, done)

    def _noised_to(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        if getattr(self._scheduler, "state_in_first_order", True):
            return self._noised(clean, noise, timestep)
        # In the middle of a step of two stages the scheduler's own noising takes the level of the end.
        level = noise_level(self._scheduler, timestep[0])
        return level.alpha * clean + level.sigma * noise

    def denoised(self, denoised: Tensor, done: int) -> Tensor:
        """x0 as the step that was the ``done``-th saw it, with the picture itself outside the mask."""
        return denoised if self._clean is None else self.mixed(self._clean, denoised, done)

    def inside(self, difference: Tensor, done: int) -> Tensor:
        """Nothing outside the mask: for what is told of guidance."""
        return difference if self._clean is None else self.mixed(torch.zeros_like(difference), difference, done)

    def mixed(self, held: Tensor, free: Tensor, done: int) -> Tensor:
        """``free`` where the mask sets free after that many steps, ``held`` elsewhere."""
        mask = self._mask.to(free.device)
        if self._gradual:
            steps = len(self._scheduler.timesteps)
            mask = (mask > (steps - done) / (steps - self._skipped)).to(free.dtype)
        return (1 - mask) * held + mask * free


def forward_process(scheduler: SchedulerMixin) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A scheduler's noising of clean samples, given the noise and the timesteps; flow matching's
    schedulers have another name for it, and take noise and timesteps the other way round."""
    if not hasattr(scheduler, "scale_noise"):
        add_noise: Callable[[Tensor, Tensor, Tensor], Tensor] = scheduler.add_noise
        return add_noise
    scale_noise: Callable[[Tensor, Tensor, Tensor], Tensor] = scheduler.scale_noise
    return lambda clean, noise, timesteps: scale_noise(clean, timesteps, noise)


def latent_mask(mask: Image.Image, scale: int, gradual: bool) -> Tensor:
    """(1, 1, h, w) from 0 to 1, of a mask (mode L) whose latents are ``scale`` times smaller: the
    lightest of what each latent covers, so that thin strokes are not lost."""
    values = torch.from_numpy(np.asarray(mask, dtype=np.float32) / 255)[None, None]
    pooled = functional.max_pool2d(values, scale)
    return pooled if gradual else (pooled >= 0.5).float()


def masked_content(content: str, clean: Tensor, noise: Tensor, mask: Tensor) -> Tensor:
    """The latents that are noised: the picture's, with what is masked replaced where that is asked for."""
    if content == "latent noise":
        return torch.where(mask.to(clean.device) > 0, noise, clean)
    if content == "latent nothing":
        return torch.where(mask.to(clean.device) > 0, torch.zeros_like(clean), clean)
    return clean
