"""AudioLDM 2 (Liu et al. 2023, https://arxiv.org/abs/2308.05734): sounds by way of their spectrograms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from diffusers import AudioLDM2Pipeline, DiffusionPipeline
from torch import Tensor
from transformers import VitsModel

from studio.clips import Clip, Sound
from studio.diffusion import heat
from studio.errors import ModelUnavailable
from studio.models.families.base import Family, Task
from studio.request import GenerationRequest

QUIET, LOUD = -11.5, 2.0
"""Natural logarithms between which the magnitudes of its mel spectrograms lie: silence is kept at 1e-5."""
TALL = 4
"""How many pixels a frequency is high in a picture; a moment is one wide."""


class AudioLDM2(Family):
    """A UNet on the latents (N, C, T, frequencies) of mel spectrograms, under CLAP, T5 and a language model; a vocoder
    makes sounds of them. In pictures time goes to the right, high frequencies are at the top, loud is bright."""

    pipelines = ("AudioLDM2",)
    classes: ClassVar[Mapping[Task, Any]] = {"text": AudioLDM2Pipeline}

    def __init__(self, pipeline: DiffusionPipeline) -> None:
        super().__init__(pipeline)
        if isinstance(pipeline.text_encoder_2, VitsModel):
            raise ModelUnavailable("This AudioLDM 2 speaks texts, which cannot be asked for yet: take one for sounds.")

    @property
    def rate(self) -> int:
        """Samples a second."""
        return int(self.pipeline.vocoder.config.sampling_rate)

    def shape_of(self, request: GenerationRequest) -> tuple[int, ...]:
        """(C, T, frequencies), of as many moments as its pipeline reckons."""
        vocoder = self.pipeline.vocoder.config
        moments = int(request.seconds / (np.prod(vocoder.upsample_rates) / vocoder.sampling_rate))
        return self.channels, math.ceil(moments / self.scale), vocoder.model_in_dim // self.scale

    def size(self, request: GenerationRequest) -> dict[str, Any]:
        """How long."""
        return {"audio_length_in_s": request.seconds}

    def flat(self, latents: Tensor) -> Tensor:
        """Lying as pictures do."""
        return _lying(latents)

    def spectrogram(self, latents: Tensor) -> Tensor:
        """(N, 1, T, frequencies), natural logarithms of magnitudes."""
        spectrogram: Tensor = self.vae.decode(1 / self.vae.config.scaling_factor * latents).sample
        return spectrogram

    def decode(self, latents: Tensor) -> Tensor:
        """Spectrograms as pictures."""
        return self._picture(self.spectrogram(latents))

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents of pictures read as spectrograms, by their lightness."""
        share = (pictures.mean(1, keepdim=True) + 1) / 2
        moments = share.flip(-2).transpose(-1, -2)
        return super().encode(QUIET + (LOUD - QUIET) * moments)

    def finished(self, latents: Tensor, request: GenerationRequest) -> tuple[Tensor, Sequence[Clip]]:
        """Spectrograms, and the sounds, cut to their length."""
        spectrogram = self.spectrogram(latents)
        heard = self.pipeline.mel_spectrogram_to_waveform(spectrogram)[:, : int(request.seconds * self.rate)]
        return self._picture(spectrogram), [Sound(samples.numpy()[None], self.rate) for samples in heard]

    def _picture(self, spectrogram: Tensor) -> Tensor:
        share = (spectrogram.float() - QUIET) / (LOUD - QUIET)
        return heat.colours(_lying(share.clamp(0, 1)))


def _lying(moments: Tensor) -> Tensor:
    """(N, C, frequencies, T) of (N, C, T, frequencies), the highest first, each ``TALL`` high."""
    return torch.repeat_interleave(moments.transpose(-1, -2).flip(-2), TALL, dim=-2)
