"""FLUX.2 (Black Forest Labs, 2025): it looks at a picture while it paints, and its latents are patches."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import Flux2KleinPipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from torch import Tensor

from studio.models.families.flow import FlowFamily
from studio.request import GenerationRequest


class Flux2(FlowFamily):
    """dev, which is told the guidance it was distilled with, and klein. Latents are patches of two by two of the
    autoencoder's, four times the channels, normalised."""

    pipelines = ("Flux2",)
    even = True
    edits = True

    @property
    def scale(self) -> int:
        """Of a patch."""
        return 2 * super().scale

    @property
    def channels(self) -> int:
        """Of a patch."""
        return 4 * super().channels

    def shift(self, request: GenerationRequest) -> float:
        """By tokens and steps, as its makers measured."""
        return float(compute_empirical_mu(image_seq_len=self.tokens(request), num_steps=request.steps))

    def packed(self, latents: Tensor) -> Tensor:
        """Tokens (N, h w, C)."""
        tokens: Tensor = Flux2KleinPipeline._pack_latents(latents)
        return tokens

    def beginning(self, latents: Tensor) -> Tensor:
        """Its pipelines pack them."""
        return latents

    def unpacked(self, sample: Tensor, width: int, height: int) -> Tensor:
        """(N, C, h, w) of tokens."""
        return sample.transpose(1, 2).unflatten(2, (height // self.scale, width // self.scale))

    def prompts(self, request: GenerationRequest) -> dict[str, Any]:
        """There is no negative one: guidance leads away from no words at all."""
        return {"prompt": [request.prompt] * request.batch_size}

    def guidance(self, request: GenerationRequest) -> dict[str, Any]:
        """dev is told; klein's base model is guided, and its distilled one ignores it."""
        told = self.denoiser.config.guidance_embeds  # type: ignore[union-attr]
        return {"guidance_scale": request.distilled_cfg_scale if told else request.cfg_scale}

    def answer_shape(self, sample: Tensor) -> tuple[int, ...]:
        """As the tokens'."""
        return tuple(sample.shape)

    def normal(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation (1, C, 1, 1) of patches, as the autoencoder has them."""
        norm = self.vae.bn
        deviation = torch.sqrt(norm.running_var + self.vae.config.batch_norm_eps)
        return norm.running_mean.view(1, -1, 1, 1), deviation.view(1, -1, 1, 1)

    def decode(self, latents: Tensor) -> Tensor:
        """By the autoencoder, of patches taken apart."""
        mean, deviation = self.normal()
        whole = Flux2KleinPipeline._unpatchify_latents(latents * deviation + mean)
        pictures: Tensor = self.vae.decode(whole, return_dict=False)[0]
        return pictures.float().clamp(-1, 1)

    def encode(self, pictures: Tensor) -> Tensor:
        """Patches of what the autoencoder makes of them."""
        mean, deviation = self.normal()
        patches = Flux2KleinPipeline._patchify_latents(self.vae.encode(pictures).latent_dist.mode())
        latents: Tensor = (patches.float() - mean) / deviation
        return latents
