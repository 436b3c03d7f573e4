"""One step of a run, kept."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True)
class RecordedStep:
    """What a step took and made. Tensors are fp32 on the CPU."""

    index: int
    sigma: float
    timestep: float
    noisy: Tensor
    """x_t (N, C, h, w), what the step started from."""
    denoised: Tensor
    """x0 (N, C, h, w), the clean image predicted from it."""
    latents: Tensor
    """What the step made of it."""
    develop: Callable[[Tensor], bytes]
    """From latents to a JPEG by the model's autoencoder."""

    @cached_property
    def preview(self) -> bytes:
        """JPEG of x0 at full quality, decoded when first asked for, then kept."""
        return self.develop(self.denoised)
