"""What can be seen inside a step: its numbers, and pictures of what it held."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.diffusion.heat import colours
from studio.diffusion.preview import jpeg
from studio.timeline.record import RecordedStep

VIEWS = ("x0", "xt", "change", "with", "without", "where")
"""What ``picture`` can show: the predicted clean image, the noisy sample, how the prediction
changed, the predictions with and without the prompt, and where those two differ."""


@dataclass(frozen=True)
class Numbers:
    """One step in numbers."""

    sigma: float
    timestep: float
    log_snr: float
    """ln(alpha^2 / sigma^2), whatever sigma is shown."""
    change: float
    """Root mean square of x0 less the x0 before, over that of the last x0; the first step's is
    that of its whole x0."""
    guidance: float | None
    """Root mean square of x0 with the prompt less x0 without it, over that of x0; None without
    classifier-free guidance."""


def numbers(steps: Sequence[RecordedStep]) -> list[Numbers]:
    """The numbers of each step."""
    if not steps:
        return []
    size = _size(steps[-1].denoised)
    before = torch.zeros_like(steps[0].denoised)
    result = []
    for step in steps:
        result.append(_numbers(step, before, size))
        before = step.denoised
    return result


def _numbers(step: RecordedStep, before: Tensor, size: float) -> Numbers:
    return Numbers(
        sigma=step.sigma,
        timestep=step.timestep,
        log_snr=step.level.log_snr,
        change=_size(step.denoised - before) / size,
        guidance=None if step.guidance is None else _size(step.guidance.float()) / _size(step.denoised),
    )


def _size(tensor: Tensor) -> float:
    return max(float(tensor.square().mean().sqrt()), 1e-12)


def picture(steps: Sequence[RecordedStep], index: int, view: str) -> bytes | None:
    """A JPEG of what a step held, made when first asked for, then kept with the step; None where
    there is nothing of that kind: no guidance, no step before the first.

    Raises:
        KeyError: for a view that is none of ``VIEWS``.
    """
    step = steps[index]
    if view == "x0":
        return step.preview
    if view == "xt":
        return step.kept("xt", lambda: jpeg(step.decode(unit_variance(step))))
    if view == "change":
        if not index:
            return None
        before = steps[index - 1]
        return step.kept("change", lambda: jpeg(heat(_difference(step, before.denoised, step.denoised))))
    pair = predictions(step)
    if pair is None:
        return None
    with_prompt, without = pair
    makers = {
        "with": lambda: step.decode(with_prompt),
        "without": lambda: step.decode(without),
        "where": lambda: heat(_difference(step, without, with_prompt)),
    }
    make = makers[view]
    return step.kept(view, lambda: jpeg(make()))


def unit_variance(step: RecordedStep) -> Tensor:
    """x_t scaled so that its variance is that of a picture's latents, as the autoencoder expects."""
    return step.noisy / math.hypot(step.level.alpha, step.level.sigma)


def predictions(step: RecordedStep) -> tuple[Tensor, Tensor] | None:
    """x0 with the prompt and without it. What was used is without + CFG * (with - without)."""
    if step.guidance is None:
        return None
    guidance = step.guidance.float()
    without = step.denoised - step.cfg_scale * guidance
    return without + guidance, without


def _difference(step: RecordedStep, one: Tensor, other: Tensor) -> Tensor:
    """How far two predictions are apart at each pixel (N, 1, H, W), mean over the colours."""
    return (step.decode(one) - step.decode(other)).abs().mean(1, keepdim=True)


def heat(values: Tensor) -> Tensor:
    """Values (N, 1, H, W) from 0 on as colours (N, 3, H, W) from -1 to 1: dark for nothing, warm
    for much, bright for the most there is in each."""
    most = values.amax((2, 3), keepdim=True).clamp_min(1e-6)
    return colours(values / most)
