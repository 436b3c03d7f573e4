"""Stage one: a tiny autoencoder, 8 times smaller on each side, whose latents are near unit normal."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from studio.diffusion.preview import to_pixels
from studio.training.loop import Loop, Plan, autocast, batch_size, choose_device, fingerprint
from studio.training.pictures import at_hand, sheet, to_tensor

CROP = 64
BATCH = 24
"""On a CPU; ``batch_size`` says how much more a GPU takes."""
LATENT_NOISE = 0.08
"""Noise added to the latents (their deviation is 1) while training, so that the decoder forgives
the small errors a denoiser makes."""


def build(start: Path | None = None) -> AutoencoderTiny:
    """The one in the folder ``start``, or an untrained one: diffusers' own class, no blocks at full resolution, where
    they cost most, and 8 latent channels."""
    if start:
        return AutoencoderTiny.from_pretrained(start, torch_dtype=torch.float32)
    return AutoencoderTiny(
        latent_channels=8,
        encoder_block_out_channels=(48, 48, 48, 48),
        decoder_block_out_channels=(48, 48, 48, 48),
        num_encoder_blocks=(0, 1, 3, 3),
        num_decoder_blocks=(3, 3, 1, 0),
        scaling_factor=1.0,
    )


def loss(model: AutoencoderTiny, pictures: Tensor) -> Tensor:
    """Reconstruction, with the latents pulled to mean 0 and deviation 1 in every channel."""
    latents = model.encoder(pictures).float()
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    regular = mean.square().mean() + (deviation - 1).square().mean()
    return reconstruction(model, latents, pictures) + 0.1 * regular


def reconstruction(model: AutoencoderTiny, latents: Tensor, pictures: Tensor) -> Tensor:
    """How far decodes of slightly noisy latents are from the pictures, in pixels and in edges."""
    decoded = model.decoder(latents + LATENT_NOISE * torch.randn_like(latents)).float()
    difference = decoded - pictures
    pixels = difference.abs().mean() + 2 * difference.square().mean()
    edges = difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
    return pixels + edges


def _crops(pixels: Tensor, count: int, device: torch.device) -> Tensor:
    """Random crops (count, 3, CROP, CROP) of pictures (N, H, W, 3), some of them mirrored."""
    size = pixels.shape[1]
    crop = min(CROP, size)
    picks = torch.randint(len(pixels), (count,), device=pixels.device)
    tops, lefts = (8 * torch.randint((size - crop) // 8 + 1, (count,), device=pixels.device) for _ in range(2))
    # Half of the crops come from the lower half, where things stand.
    tops[: count // 2] = (size - crop) // 16 * 8 + tops[: count // 2] // 2 // 8 * 8
    span = torch.arange(crop, device=pixels.device)
    rows, columns = (tops[:, None] + span)[:, :, None], (lefts[:, None] + span)[:, None, :]
    crops = pixels[picks[:, None, None], rows, columns]
    if random.random() < 0.5:
        crops = crops.flip(2)
    return to_tensor(crops, device).contiguous(memory_format=torch.channels_last)


def psnr(model: AutoencoderTiny, pixels: NDArray[np.uint8], device: torch.device) -> float:
    """Mean peak signal-to-noise ratio in dB of reconstructions of pictures (N, H, W, 3)."""
    values = []
    for first in range(0, len(pixels), 16):
        pictures = to_tensor(pixels[first : first + 16], device)
        decoded = model.decoder(model.encoder(pictures)).clamp(-1, 1)
        error = (decoded - pictures).div(2).square().mean((1, 2, 3))
        values += (-10 * error.log10()).tolist()
    return float(np.mean(values))


def train(
    model: AutoencoderTiny, pixels: NDArray[np.uint8], exam: NDArray[np.uint8], folder: Path, minutes: float
) -> AutoencoderTiny:
    """Train on pictures (N, H, W, 3), look at ``exam`` on the way, and return the averaged model."""
    plan = Plan(folder, "autoencoder", minutes, learning_rate=1.5e-3)
    return _train(model.train(), model, loss, pixels, exam, plan)


def refine_decoder(
    model: AutoencoderTiny, pixels: NDArray[np.uint8], exam: NDArray[np.uint8], folder: Path, minutes: float
) -> AutoencoderTiny:
    """Train the decoder alone for longer; the latents, and so every denoiser on them, stay valid."""

    def decoder_loss(model: AutoencoderTiny, pictures: Tensor) -> Tensor:
        with torch.no_grad():
            latents = model.encoder(pictures).float()
        return reconstruction(model, latents, pictures)

    plan = Plan(folder, "decoder", minutes, 1e-3, fingerprint(model.encoder))
    return _train(model.train(), model.decoder, decoder_loss, pixels, exam, plan)


def _train(
    model: AutoencoderTiny,
    part: nn.Module,
    loss_of: Callable[[AutoencoderTiny, Tensor], Tensor],
    pixels: NDArray[np.uint8],
    exam: NDArray[np.uint8],
    plan: Plan,
) -> AutoencoderTiny:
    device = choose_device()
    model.to(device, memory_format=torch.channels_last)
    loop, source, count = Loop(part, plan), at_hand(pixels, device), batch_size(BATCH, device)

    def batch_loss() -> tuple[Tensor, int]:
        with autocast(device):
            return loss_of(model, _crops(source, count, device)), count

    def sample() -> None:
        rows = to_tensor(exam[:10], device)
        decoded = to_pixels(model.decoder(model.encoder(rows)))
        Image.fromarray(sheet(np.concatenate([exam[:10], decoded]), 10)).save(plan.folder / f"{plan.name}.png")
        print(f"\nPSNR on held-out scenes: {psnr(model, exam[:100], device):.2f} dB")

    loop.run(batch_loss, sample)
    part.load_state_dict(loop.average)
    return model.eval()
