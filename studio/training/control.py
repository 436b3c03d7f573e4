"""A ControlNet for the denoiser as it ships: the picture follows a sketch.

Zhang et al. 2023, "Adding Conditional Control to Text-to-Image Diffusion Models",
https://arxiv.org/abs/2302.05543. The denoiser stays as it is; a copy of its first half reads the
sketch and is added to it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from studio.diffusion.preview import to_pixels
from studio.training import denoiser
from studio.training.exam import painting
from studio.training.loop import Loop, Plan, batch_size, choose_device, compiled, fingerprint
from studio.training.material import Material
from studio.training.pictures import at_hand, sheet
from studio.training.world.captions import full_caption

BATCH = 16
UNTOLD_SHARE = 0.3
"""Captions taken away, so that the sketch is read even where the words say nothing."""
LOOKED_AT = 8
"""Pictures painted on the way, to look at: the sketches above, what came of them below."""


def build(pipeline: StableDiffusionPipeline, start: Path | None = None) -> ControlNetModel:
    """The ControlNet in the folder ``start``, or an untrained one: the denoiser's first half with outputs that begin
    at zero."""
    if start:
        return ControlNetModel.from_pretrained(start, torch_dtype=torch.float32)
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
    controlnet: ControlNetModel,
    pipeline: StableDiffusionPipeline,
    material: Material,
    sketched: int,
    folder: Path,
    minutes: float,
) -> ControlNetModel:
    """Train on the first ``sketched`` of the material's pictures and their sketches."""
    device = choose_device()
    pipeline.to(device, torch.float32)
    sketches = at_hand(material.sketches(sketched), device)
    lessons = denoiser.Lessons(pipeline.vae, pipeline.tokenizer, material, sketched)
    controlled = Controlled(pipeline, controlnet).to(device).to(memory_format=torch.channels_last).train()
    loop = Loop(controlled.controlnet, Plan(folder, "control", minutes, 5e-4, fingerprint(pipeline.unet)))
    schedule, random = denoiser.training_schedule(), np.random.default_rng()
    count = batch_size(BATCH, device)
    untold = pipeline.tokenizer("", padding="max_length", return_tensors="pt").input_ids.to(device)
    predict = compiled(controlled, minutes)

    def batch_loss() -> tuple[Tensor, int]:
        picks, latents, tokens, where = lessons.batch(count)
        tokens = torch.where(torch.rand(count, 1, device=device) < UNTOLD_SHARE, untold, tokens)
        lines = vary(sketches[picks].to(device), random)

        def painter(noisy: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
            return predict(noisy, timesteps, tokens, lines)

        return denoiser.loss(painter, schedule, latents, tokens, where), count

    led = painting.controlled(pipeline, controlled.controlnet)
    looked_at = sketches[:LOOKED_AT, 1].to(device)[:, None].float().expand(-1, 3, -1, -1)
    prompts = [full_caption(scene) for scene in material.told(len(looked_at))]

    def sample() -> None:
        drawn = to_pixels(looked_at * 2 - 1)
        pictures = painting.paint(led, prompts, first_seed=7, sketches=looked_at)
        Image.fromarray(sheet(np.concatenate([drawn, pictures]), len(prompts))).save(folder / "control.png")

    loop.run(batch_loss, sample)
    controlled.controlnet.load_state_dict(loop.average)
    return controlled.controlnet.eval()
