"""Wan 2.1 and 2.2 5B, text to video (Wan Team 2025, https://arxiv.org/abs/2503.20314)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from diffusers import DiffusionPipeline, WanPipeline
from torch import Tensor

from studio.errors import ModelUnavailable
from studio.models.families.base import Task
from studio.models.families.film import FilmFamily
from studio.request import GenerationRequest


class Wan(FilmFamily):
    """A transformer under UMT5, asked with the prompt and then without. Those of two transformers, one for each
    half of the steps (Wan 2.2 14B), are not painted with: the second would be out of the engine's sight."""

    pipelines = ("WanPipeline",)
    classes: ClassVar[Mapping[Task, Any]] = {"text": WanPipeline}

    def __init__(self, pipeline: DiffusionPipeline) -> None:
        super().__init__(pipeline)
        if getattr(pipeline, "transformer_2", None) is not None:
            raise ModelUnavailable("This Wan has two transformers, which cannot be painted with: take 2.1, or 2.2 5B.")

    @property
    def scale(self) -> int:
        """How many pixels a latent covers on each side."""
        return int(self.pipeline.vae_scale_factor_spatial)

    @property
    def pace(self) -> int:
        """How many frames a latent covers."""
        return int(self.pipeline.vae_scale_factor_temporal)

    @property
    def multiple(self) -> int:
        """Its patches cover two latents on each side."""
        return self.scale * int(self.denoiser.config.patch_size[1])  # type: ignore[union-attr, index]

    @property
    def channels(self) -> int:
        """Channels of its latents."""
        return int(self.vae.config.z_dim)

    def tokens(self, request: GenerationRequest) -> int:
        """In patches."""
        depth, height, width = self.denoiser.config.patch_size  # type: ignore[union-attr, misc]
        return super().tokens(request) // (depth * height * width)

    def scaled(self, latents: Tensor) -> Tensor:
        """Each channel with its own mean and deviation."""
        mean, deviation = self._statistics(latents)
        return (latents - mean) * deviation

    def unscaled(self, latents: Tensor) -> Tensor:
        """As the autoencoder made them."""
        mean, deviation = self._statistics(latents)
        return latents / deviation + mean

    def _statistics(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and one over the deviation of every channel, in the pipeline's own arithmetic."""
        config = self.vae.config
        told = (config.latents_mean, config.latents_std)
        mean, deviation = (torch.tensor(values).view(1, -1, 1, 1, 1).to(latents) for values in told)
        return mean, 1.0 / deviation
