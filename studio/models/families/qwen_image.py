"""Qwen-Image (Alibaba, 2025): an autoencoder for films of one frame, and guidance that keeps its length."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from studio.models.families.flux import Flux
from studio.request import GenerationRequest


class QwenImage(Flux):
    """Tokens as FLUX.1 has them."""

    pipelines = ("QwenImage",)
    control = "QwenImageControlNetModel"

    @property
    def channels(self) -> int:
        """Of its latents."""
        return int(self.vae.config.z_dim)

    def packed(self, latents: Tensor) -> Tensor:
        """Tokens of latents with or without a side for the one frame."""
        return super().packed(latents.flatten(1, 2) if latents.dim() == 5 else latents)

    def guidance(self, request: GenerationRequest) -> dict[str, Any]:
        """By CFG; a distilled one would be told."""
        told = self.denoiser.config.guidance_embeds  # type: ignore[union-attr]
        return {"true_cfg_scale": request.cfg_scale} | ({"guidance_scale": request.distilled_cfg_scale} if told else {})

    def normal(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation (C, 1, 1, 1) of latents, as the autoencoder has them."""
        config, device = self.vae.config, self.vae.device
        mean, deviation = (torch.tensor(each, device=device) for each in (config.latents_mean, config.latents_std))
        return mean.view(-1, 1, 1, 1), deviation.view(-1, 1, 1, 1)

    def decode(self, latents: Tensor) -> Tensor:
        """The one frame."""
        mean, deviation = self.normal()
        pictures: Tensor = self.vae.decode(latents.unsqueeze(2) * deviation + mean, return_dict=False)[0][:, :, 0]
        return pictures.float().clamp(-1, 1)

    def encode(self, pictures: Tensor) -> Tensor:
        """Of a film of one frame."""
        mean, deviation = self.normal()
        found = self.vae.encode(pictures.unsqueeze(2)).latent_dist.mode()
        latents: Tensor = ((found.float() - mean) / deviation).squeeze(2)
        return latents


class QwenImageEdit(QwenImage):
    """Changes the picture it is shown; without one it cannot paint."""

    pipelines = ("QwenImageEdit",)
    control = ""
    edits = True
