"""FLUX.1 (Black Forest Labs, 2024): packed latents, guidance as a number the model is told."""

from __future__ import annotations

from typing import Any

from diffusers import FluxPipeline
from torch import Tensor

from studio.models.families.flow import FlowFamily
from studio.request import GenerationRequest


class Flux(FlowFamily):
    """dev, which is told the guidance it was distilled with, and schnell, which is not."""

    pipelines = ("Flux",)
    control = "FluxControlNetModel"
    even = True

    @property
    def multiple(self) -> int:
        """Its tokens hold two by two latents."""
        return 2 * self.scale

    def packed(self, latents: Tensor) -> Tensor:
        """Tokens (N, h w / 4, 4 C)."""
        tokens: Tensor = FluxPipeline._pack_latents(latents, *latents.shape)
        return tokens

    def unpacked(self, sample: Tensor, width: int, height: int) -> Tensor:
        """(N, C, h, w) of tokens."""
        latents: Tensor = FluxPipeline._unpack_latents(sample, height, width, self.scale)
        return latents

    def guidance(self, request: GenerationRequest) -> dict[str, Any]:
        """CFG is the true one, with a negative prompt; the distilled one is told."""
        return {"true_cfg_scale": request.cfg_scale, "guidance_scale": request.distilled_cfg_scale}

    def answer_shape(self, sample: Tensor) -> tuple[int, ...]:
        """As many numbers a token as there are in two by two latents."""
        return (*sample.shape[:2], 4 * self.channels)
