"""A few-step edition: a LoRA with which four large steps land where sixteen small ones would.

Progressive distillation (Salimans and Ho 2022, https://arxiv.org/abs/2202.00512), all halvings at once and onto a
LoRA: from each of its four noise levels the student's step must reach what four DDIM steps of the guided teacher
reach. The targets are the teacher's alone, so that nothing can collapse. Guidance is distilled in: it is painted
without, by the settings in presets/fitting.json, whose noise levels are the ones it is trained at.
"""

from __future__ import annotations

import copy
import random
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from torch import Tensor, nn

from studio import presets
from studio.models.library import EMBEDDED, EMBEDDED_QUICK
from studio.training import denoiser
from studio.training.exam.painting import FEW_STEPS, paint
from studio.training.loop import Loop, Plan, autocast, batch_size, choose_device, fingerprint
from studio.training.material import Material
from studio.training.pictures import sheet

BATCH = 12
RANK = 40
FITTING = presets.FITTING[EMBEDDED_QUICK]
STEPS, WITHIN = FITTING.steps, 4
"""Steps of the student, and of the teacher within each."""
GUIDANCE = presets.FITTING[EMBEDDED].cfg_scale
"""The teacher's: what the page starts with."""
HUBER = 0.1
"""Where the loss turns from squared to absolute, so that a few bad targets do not rule."""
USES, KEPT = 3, 100
"""How often a lesson is learnt from, on average, since the teacher's part takes nearly three times the student's; and
how many batches of lessons are kept for that."""


def add_lora(unet: nn.Module, start: Path | None) -> None:
    """Put a LoRA beside every convolution and linear layer; only it is trained. It begins as the one that ``save``
    wrote to ``start``, or untrained."""
    from peft import LoraConfig, set_peft_model_state_dict  # wants accelerate: only this stage pays for it

    layers = [name for name, layer in unet.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    unet.requires_grad_(False)
    adapted: Any = unet  # diffusers adds the method
    adapted.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=layers))
    if start:
        weights, _ = StableDiffusionPipeline.lora_state_dict(start)
        set_peft_model_state_dict(unet, {name.removeprefix("unet."): value for name, value in weights.items()})


class SolverPath:
    """The variance-preserving path at 16 points evenly spread over its time; point 0 is the clean end."""

    def __init__(self, schedule: object, device: torch.device) -> None:
        alphas_cumprod: Tensor = schedule.alphas_cumprod  # type: ignore[attr-defined]
        self.timesteps = torch.linspace(-1, len(alphas_cumprod) - 1, STEPS * WITHIN + 1).round().long()
        clean = torch.cat([torch.ones(1), alphas_cumprod[self.timesteps[1:]]])
        self.alpha, self.sigma = clean.sqrt().to(device), (1 - clean).sqrt().to(device)
        self.timesteps = self.timesteps.to(device)

    def at(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma (N, 1, 1, 1) at points (N,)."""
        return self.alpha[points, None, None, None], self.sigma[points, None, None, None]

    def jump(self, latents: Tensor, velocity: Tensor, points: Tensor, to: Tensor) -> Tensor:
        """One DDIM step from points (N,) to earlier ones (Song et al. 2020, https://arxiv.org/abs/2010.02502)."""
        alpha, sigma = self.at(points)
        to_alpha, to_sigma = self.at(to)
        return to_alpha * (alpha * latents - sigma * velocity) + to_sigma * (alpha * velocity + sigma * latents)

    def velocity(self, latents: Tensor, landed: Tensor, points: Tensor, to: Tensor) -> Tensor:
        """The v with which ``jump`` lands there."""
        alpha, sigma = self.at(points)
        to_alpha, to_sigma = self.at(to)
        kept, moved = to_alpha * alpha + to_sigma * sigma, to_sigma * alpha - to_alpha * sigma
        return (landed - kept * latents) / moved


@dataclass(frozen=True)
class Lesson:
    """From these noisy latents, at these timesteps and with these words, the student's step goes by that v."""

    noisy: Tensor
    timesteps: Tensor
    words: Tensor
    velocity: Tensor


class Distillation(nn.Module):
    """The student, and the frozen teacher and words it learns from."""

    def __init__(self, pipeline: StableDiffusionPipeline, device: torch.device, start: Path | None = None) -> None:
        super().__init__()
        self.text_encoder: nn.Module = pipeline.text_encoder.requires_grad_(False)
        self.teacher: nn.Module = copy.deepcopy(pipeline.unet).requires_grad_(False).eval()
        self.student: nn.Module = pipeline.unet
        add_lora(self.student, start)
        self.solver = SolverPath(denoiser.training_schedule(), device)

    def taught(self, latents: Tensor, tokens: Tensor, untold: Tensor) -> Lesson:
        """What the guided teacher makes of clean latents (N, C, h, w), noised; with their captions' ids (N, 32),
        and the empty caption's (1, 32)."""
        points = WITHIN * torch.randint(1, STEPS + 1, (len(latents),), device=latents.device)
        alpha, sigma = self.solver.at(points)
        noisy = alpha * latents + sigma * torch.randn_like(latents)
        with torch.no_grad():
            words = self.text_encoder(tokens).last_hidden_state
            both = torch.cat([self.text_encoder(untold.expand_as(tokens)).last_hidden_state, words])
            landed = self._landed(noisy, points, both)
        target = self.solver.velocity(noisy, landed, points, points - WITHIN)
        return Lesson(noisy, self.solver.timesteps[points], words, target)

    def forward(self, lesson: Lesson) -> Tensor:
        """The student's loss."""
        error = self.student(lesson.noisy, lesson.timesteps, lesson.words).sample.float() - lesson.velocity
        return ((error.square() + HUBER**2).sqrt() - HUBER).mean()

    def _landed(self, latents: Tensor, points: Tensor, both: Tensor) -> Tensor:
        """Where the guided teacher gets within one step of the student's."""
        for at in (points - step for step in range(WITHIN)):
            timesteps = self.solver.timesteps[at].repeat(2)
            without, told = self.teacher(latents.repeat(2, 1, 1, 1), timesteps, both).sample.float().chunk(2)
            latents = self.solver.jump(latents, without + GUIDANCE * (told - without), at, at - 1)
        return latents


def train(
    pipeline: StableDiffusionPipeline,
    material: Material,
    pictures: int,
    folder: Path,
    into: Path,
    minutes: float,
    start: Path | None = None,
) -> None:
    """Distil the pipeline's denoiser on the first ``pictures`` of the material and write the LoRA to ``into``. It
    begins with the one in ``start``, where that is given."""
    device = choose_device()
    pipeline.to(device, torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    lessons = denoiser.Lessons(pipeline.vae, pipeline.tokenizer, material, pictures)
    base = fingerprint(pipeline.unet)
    distillation = Distillation(pipeline, device, start).to(device).to(memory_format=torch.channels_last)
    untold = pipeline.tokenizer("", padding="max_length", return_tensors="pt").input_ids.to(device)
    loop = Loop(distillation.student, Plan(folder, "few-steps", minutes, 5e-4, base, weight_decay=0.0))
    count, kept = batch_size(BATCH, device), deque[Lesson](maxlen=KEPT)

    def batch_loss() -> tuple[Tensor, int]:
        with autocast(device):
            if loop.step % USES == 0 or not kept:
                _, latents, tokens, _ = lessons.batch(count)
                kept.append(distillation.taught(latents, tokens, untold))
            return distillation(random.choice(kept)), count

    def sample() -> None:
        pictures = paint(pipeline, [*denoiser.LOOK_AT], first_seed=7, asked=FEW_STEPS)
        Image.fromarray(sheet(pictures, 4)).save(folder / "few-steps.png")

    loop.run(batch_loss, sample)
    distillation.student.load_state_dict(loop.average)
    save(distillation.student, into)


def save(student: nn.Module, folder: Path) -> None:
    """Write the LoRA as diffusers' ``load_lora_weights`` reads it, in half precision."""
    from peft import get_peft_model_state_dict

    weights = {name: value.half().contiguous() for name, value in get_peft_model_state_dict(student).items()}
    StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=weights)
