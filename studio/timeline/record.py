"""One step of a run, kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.diffusion.preview import jpeg

if TYPE_CHECKING:
    from torch import Tensor

    from studio.diffusion.denoised import NoiseLevel
    from studio.diffusion.snapshot import Snapshot


@dataclass(frozen=True)
class RecordedStep:
    """What a step took and made. Tensors are fp32 on the CPU and never changed."""

    timestep: float
    level: NoiseLevel
    """Alpha and sigma of ``noisy``."""
    cfg_scale: float
    noisy: Tensor
    """x_t (N, C, h, w), what the step started from."""
    denoised: Tensor
    """x0 (N, C, h, w), the clean image predicted from it."""
    guidance: Tensor | None
    """x0 with the prompt less x0 without it (N, C, h, w) in fp16; None without guidance."""
    after: Snapshot
    """What the step made of it, and all that is needed to go on from there."""
    decode: Callable[[Tensor], Tensor] = field(repr=False)
    """The model's autoencoder: from latents to pictures (N, 3, H, W) from -1 to 1."""
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False)
    """JPEGs made so far, by what they show."""

    @property
    def sigma(self) -> float:
        """The noise level of ``noisy`` that is shown to people."""
        return self.level.shown

    @property
    def latents(self) -> Tensor:
        """What the step made."""
        return self.after.latents

    @property
    def preview(self) -> bytes:
        """JPEG of x0 at full quality, decoded when first asked for, then kept."""
        return self.kept("x0", lambda: jpeg(self.decode(self.denoised)))

    @property
    def draft(self) -> bytes | None:
        """The JPEG of x0 that is there without decoding, if any: the full one or the first preview."""
        return self.pictures.get("x0") or self.pictures.get("draft")

    def kept(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The JPEG of that name, made if it is not there."""
        if name not in self.pictures:
            self.pictures[name] = make()
        return self.pictures[name]

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor it holds; neighbouring steps share some."""
        yield from (self.noisy, self.denoised, self.after.latents, *self.after.noise)
        if self.guidance is not None:
            yield self.guidance
        for value in self.after.scheduler.values():
            yield from _tensors(value)


def _tensors(value: Any) -> Iterator[Tensor]:
    for item in value if isinstance(value, list) else [value]:
        if hasattr(item, "data_ptr"):
            yield item
