"""The forward process, for looking at: any picture at any noise level of a model's own schedule."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from studio.diffusion.preview import jpeg
from studio.models.loader import LoadedModel

SEED = 7
"""Always the same noise, so that moving the slider adds more of it instead of other noise."""
SPREAD = 3.0
"""Latents this far from 0 are shown black or white; unit normal ones hardly ever are."""
LATENT_CELL = 64


@dataclass(frozen=True)
class Noised:
    """A picture at one noise level, in both spaces. Pictures are JPEGs."""

    timestep: int
    sigma: float
    """Noise over signal."""
    log_snr: float
    """ln(signal^2 / noise^2)."""
    pixels: bytes
    """The picture noised as pixels."""
    latents: bytes
    """Its latents noised: each channel in grey, side by side."""
    decoded: bytes
    """What the autoencoder makes of the noised latents."""
    pixel_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]


@torch.no_grad()
def noised(model: LoadedModel, picture: Image.Image, timestep: int) -> Noised:
    """An RGB picture after ``timestep`` steps (0 for clean) of the noising a model was trained
    with: sqrt(alpha_bar) * x0 + sqrt(1 - alpha_bar) * noise (Ho et al. 2020, equation 4,
    https://arxiv.org/abs/2006.11239), once as pixels and once as latents."""
    level = model.family.level(timestep)
    alpha, sigma = level.alpha, level.sigma
    pixels = model.preprocess(picture)
    clean = model.encode(pixels).cpu()
    source = torch.Generator().manual_seed(SEED)
    noisy_pixels, noisy = (alpha * each + sigma * torch.randn(each.shape, generator=source) for each in (pixels, clean))
    return Noised(
        timestep=timestep,
        sigma=level.shown,
        log_snr=level.log_snr,
        pixels=jpeg(noisy_pixels.clamp(-1, 1)),
        latents=jpeg(_channels(noisy)),
        decoded=jpeg(model.decode(noisy)),
        pixel_shape=tuple(pixels.shape[1:]),
        latent_shape=tuple(clean.shape[1:]),
    )


def _channels(latents: Tensor) -> Tensor:
    """Each channel of (1, C, h, w) in grey, in two rows, enlarged without smoothing (1, 3, H, W)."""
    rows = [torch.cat(tuple(row), dim=-1) for row in latents[0].chunk(2)]
    grey = (torch.cat(rows, dim=-2) / SPREAD).clamp(-1, 1).expand(1, 3, -1, -1)
    scale = max(1, LATENT_CELL // max(latents.shape[-2:]))
    return functional.interpolate(grey, scale_factor=scale, mode="nearest")
