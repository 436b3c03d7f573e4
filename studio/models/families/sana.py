"""Sana (Xie et al. 2024, https://arxiv.org/abs/2410.10629): latents that cover 32 pixels on each side."""

from typing import Any

from torch import Tensor

from studio.models.families.flow import FlowFamily
from studio.request import GenerationRequest


class Sana(FlowFamily):
    """A linear transformer under Gemma, and a deep-compression autoencoder."""

    pipelines = ("SanaPipeline",)

    def further(self, request: GenerationRequest) -> dict[str, Any]:  # noqa: ARG002
        """The size that was asked for, rather than the nearest one of its training pictures."""
        return {"use_resolution_binning": False}

    def encode(self, pictures: Tensor) -> Tensor:
        """Its autoencoder has no distribution."""
        latents: Tensor = self.vae.encode(pictures).latent.float() * self.shifted()[0]
        return latents
