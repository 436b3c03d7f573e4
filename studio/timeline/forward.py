"""The forward process: a picture being noised to where the reverse process takes over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from studio.diffusion.preview import jpeg
from studio.timeline.record import RecordedStep


@dataclass(frozen=True)
class ForwardStep:
    """The picture with that much noise."""

    sigma: float
    noisy: Tensor
    """alpha * x0 + sigma * noise (N, C, h, w), in fp32, scaled to a picture's variance."""
    denoised: Tensor
    """x0: the picture itself."""
    decode: Callable[[Tensor], Tensor] = field(repr=False)

    @cached_property
    def preview(self) -> bytes:
        """JPEG of ``noisy``; decoded when first asked for."""
        return jpeg(self.decode(self.noisy))


@dataclass(frozen=True)
class Forward:
    """From the picture to the first step of a run.

    The noise is the one the run began with, x_t = alpha * x0 + sigma * noise solved for it, so
    the last frame is exactly what the first step got.
    """

    encode: Callable[[], Tensor] = field(repr=False)
    """Latents of the picture (1, C, h, w)."""
    first: Callable[[], RecordedStep] = field(repr=False)
    """The run's first step; asked for only when the frames are, since it may be in a file."""
    skipped: int
    """How many steps the picture stands in for: as many frames there are, but at least 2."""

    @cached_property
    def steps(self) -> list[ForwardStep]:
        """The frames, the picture itself first."""
        first = self.first()
        level = first.level
        clean = self.encode().cpu().expand_as(first.noisy)
        noise = (first.noisy - level.alpha * clean) / level.sigma
        return [
            ForwardStep(sigma, _noised(clean, noise, sigma, level.flow), clean, first.decode)
            for sigma in rising(level.shown, max(self.skipped, 2))
        ]


def _noised(clean: Tensor, noise: Tensor, sigma: float, flow: bool) -> Tensor:
    alpha = 1 - sigma if flow else 1.0
    return (alpha * clean + sigma * noise) / (alpha**2 + sigma**2) ** 0.5


def rising(last: float, count: int) -> list[float]:
    """``count`` noise levels from 0 to ``last``, evenly in the square root: as the eye sees noise come."""
    return [last * (index / (count - 1)) ** 2 for index in range(count)]
