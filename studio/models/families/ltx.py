"""LTX-Video (HaCohen et al. 2024, https://arxiv.org/abs/2501.00103), text to video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from diffusers import LTXPipeline
from torch import Tensor

from studio.models.families.base import Task
from studio.models.families.film import FilmFamily
from studio.request import GenerationRequest


class LTX(FilmFamily):
    """A transformer on packed latents under T5, which is told how fast the film runs."""

    pipelines = ("LTXPipeline",)
    classes: ClassVar[Mapping[Task, Any]] = {"text": LTXPipeline}
    even = True

    @property
    def scale(self) -> int:
        """How many pixels a latent covers on each side."""
        return int(self.pipeline.vae_spatial_compression_ratio)

    @property
    def pace(self) -> int:
        """How many frames a latent covers."""
        return int(self.pipeline.vae_temporal_compression_ratio)

    def size(self, request: GenerationRequest) -> dict[str, Any]:
        """With the number of frames, and how many a second."""
        return super().size(request) | {"frame_rate": request.fps}

    def packed(self, latents: Tensor) -> Tensor:
        """Tokens (N, F h w, C)."""
        tokens: Tensor = LTXPipeline._pack_latents(latents, *self._patch)
        return tokens

    def unpacked(self, sample: Tensor, width: int, height: int) -> Tensor:
        """(N, C, F, h, w) of tokens."""
        patch, depth = self._patch
        height, width = height // self.scale // patch, width // self.scale // patch
        latents: Tensor = LTXPipeline._unpack_latents(
            sample, sample.shape[1] // (height * width), height, width, patch, depth
        )
        return latents

    @property
    def _patch(self) -> tuple[int, int]:
        return self.pipeline.transformer_spatial_patch_size, self.pipeline.transformer_temporal_patch_size

    def answer_shape(self, sample: Tensor) -> tuple[int, ...]:
        """As the sample's."""
        return tuple(sample.shape)

    def scaled(self, latents: Tensor) -> Tensor:
        """Each channel with its own mean and deviation."""
        told: Tensor = LTXPipeline._normalize_latents(latents, *self._statistics)
        return told

    def unscaled(self, latents: Tensor) -> Tensor:
        """As the autoencoder made them."""
        told: Tensor = LTXPipeline._denormalize_latents(latents, *self._statistics)
        return told

    @property
    def _statistics(self) -> tuple[Tensor, Tensor, float]:
        return self.vae.latents_mean, self.vae.latents_std, self.vae.config.scaling_factor

    def decoded(self, latents: Tensor) -> Tensor:
        """Those autoencoders that are told how much noise is left are told none."""
        none = latents.new_zeros(len(latents)) if self.vae.config.timestep_conditioning else None
        films: Tensor = self.vae.decode(latents, none).sample
        return films
