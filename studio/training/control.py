"""A ControlNet for the denoiser as it ships: the picture follows a sketch.

Zhang et al. 2023, "Adding Conditional Control to Text-to-Image Diffusion Models",
https://arxiv.org/abs/2302.05543. The denoiser stays as it is; a copy of its first half reads the
sketch and is added to it.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import torch
from diffusers import ControlNetModel, DDPMScheduler, StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from studio.training import denoiser
from studio.training.loop import Loop, Plan, autocast, choose_device
from studio.training.pictures import sheet, to_pixels
from studio.training.world import SceneDataset
from studio.training.world.captions import caption

import numpy as np  # isort: skip

BATCH = 16
UNTOLD_SHARE = 0.3
"""Captions taken away, so that the sketch is read even where the words say nothing."""


def build(pipeline: StableDiffusionPipeline) -> ControlNetModel:
    """An untrained ControlNet: the denoiser's first half with outputs that begin at zero."""
    return ControlNetModel.from_unet(pipeline.unet, conditioning_embedding_out_channels=(16, 32, 64, 128))


class Controlled(nn.Module):
    """The frozen painter together with the ControlNet that is trained."""

    def __init__(self, pipeline: StableDiffusionPipeline, controlnet: ControlNetModel) -> None:
        super().__init__()
        self.text_encoder, self.unet = pipeline.text_encoder, pipeline.unet
        self.text_encoder.requires_grad_(False)
        self.unet.requires_grad_(False)
        self.controlnet = controlnet

    def forward(self, noisy: Tensor, timesteps: Tensor, tokens: Tensor, sketches: Tensor) -> Tensor:
        """v (N, C, h, w) for noisy latents, timesteps (N,), token ids and sketches (N, 3, H, W) of 0 and 1."""
        words = self.text_encoder(tokens).last_hidden_state
        down, mid = self.controlnet(noisy, timesteps, words, sketches, return_dict=False)
        velocity: Tensor = self.unet(
            noisy, timesteps, words, down_block_additional_residuals=down, mid_block_additional_residual=mid
        ).sample
        return velocity


def vary(sketches: Tensor, random: np.random.Generator) -> Tensor:
    """Sketches (N, 2, H, W) of edges and scribbles as (N, 3, H, W): one of the two, in thin or thicker
    lines, often with parts left out, since nobody draws everything."""
    size = sketches.shape[-1]
    kinds = torch.from_numpy(random.integers(2, size=len(sketches))).to(sketches.device)
    lines = sketches[torch.arange(len(sketches), device=sketches.device), kinds][:, None].float()
    if random.random() < 0.25:
        lines = functional.max_pool2d(lines, 3, 1, 1)
    for number in range(len(lines)):
        for _ in range(int(random.integers(4)) if random.random() < 0.6 else 0):
            top, left = random.integers(size, size=2)
            height, width = random.integers(size // 8, size // 2, size=2)
            lines[number, :, top : top + height, left : left + width] = 0
    return lines.expand(-1, 3, -1, -1)


def train(
    pipeline: StableDiffusionPipeline,
    scenes: SceneDataset,
    pixels: NDArray[np.uint8],
    sketches: NDArray[np.uint8],
    folder: Path,
    minutes: float,
) -> ControlNetModel:
    """Train on pictures (N, H, W, 3) and their sketches (N, 2, H, W) of 0 and 1."""
    device = choose_device()
    pipeline.to(device, torch.float32)
    latents = denoiser.encode(pipeline.vae, pixels, device).to(device)
    told = [scenes.scene(index) for index in range(len(pixels))]
    controlled = Controlled(pipeline, build(pipeline)).to(device, memory_format=torch.channels_last).train()
    loop = Loop(controlled.controlnet, Plan(folder, "control", minutes, learning_rate=5e-4))
    schedule = DDPMScheduler(**denoiser.noise_schedule())
    random, numbers = Random(), np.random.default_rng()
    weights = denoiser.thing_weights(latents.shape[-1])
    compiled = torch.compile(controlled)

    def batch_loss() -> tuple[Tensor, int]:
        picks = [random.randrange(len(told)) for _ in range(BATCH)]
        texts = [caption(told[pick], random) if random.random() > UNTOLD_SHARE else "" for pick in picks]
        tokens = pipeline.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        lines = vary(torch.from_numpy(sketches[picks]).to(device), numbers)
        where = torch.stack([weights[told[pick].position] for pick in picks]).to(device)

        def painter(noisy: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
            return compiled(noisy, timesteps, tokens, lines)

        batch = latents[picks].float().contiguous(memory_format=torch.channels_last)
        return denoiser.loss(painter, schedule, batch, tokens.to(device), where), BATCH

    loop.run(batch_loss, lambda: None)
    controlled.controlnet.load_state_dict(loop.average)
    return controlled.controlnet.eval()
