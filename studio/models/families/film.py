"""What families of films share: latents (N, C, F, h, w), an autoencoder that sees frames together."""

from __future__ import annotations

import math
import threading
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import DiffusionPipeline
from torch import Tensor

from studio.clips import Clip, Film
from studio.diffusion.preview import to_pixels
from studio.models.families.flow import FlowFamily
from studio.request import GenerationRequest

SHOWN = 4
"""How many frames stand side by side in the picture of a film."""


class FilmFamily(FlowFamily):
    """In pictures a film is a strip of its frames: some of the latents' frames, evenly spread, each decoded
    as the first frame of a film of its own. That costs a small part of decoding the whole film, and no
    more memory than a picture does."""

    def __init__(self, pipeline: DiffusionPipeline) -> None:
        super().__init__(pipeline)
        self._alone = threading.Lock()
        """These autoencoders keep what they have seen of the frames before in themselves."""

    @property
    @abstractmethod
    def pace(self) -> int:
        """How many frames one of the latents' frames stands for; the first stands for one alone."""

    @abstractmethod
    def scaled(self, latents: Tensor) -> Tensor:
        """The latents (N, C, F, h, w) that the denoiser sees, of those that the autoencoder made."""

    @abstractmethod
    def unscaled(self, latents: Tensor) -> Tensor:
        """What ``scaled`` was given."""

    def shape_of(self, request: GenerationRequest) -> tuple[int, ...]:
        """(C, F, h, w)"""
        channels, height, width = self.latent_shape(request.width, request.height)
        return channels, (request.frames - 1) // self.pace + 1, height, width

    def size(self, request: GenerationRequest) -> dict[str, Any]:
        """With the number of frames."""
        return super().size(request) | {"num_frames": request.frames}

    def tokens(self, request: GenerationRequest) -> int:
        """All that the transformer sees."""
        return math.prod(self.shape_of(request)[1:])

    def flat(self, latents: Tensor) -> Tensor:
        """The frames that are shown, side by side."""
        return side_by_side(shown(latents))

    def decode(self, latents: Tensor) -> Tensor:
        """A strip (N, 3, H, W times frames) of each film."""
        chosen = shown(latents)
        stills = self.films(chosen.transpose(1, 2).flatten(0, 1).unsqueeze(2))[:, :, 0]
        return side_by_side(stills.unflatten(0, (len(latents), -1)).transpose(1, 2))

    def films(self, latents: Tensor) -> Tensor:
        """Whole films (N, 3, F, H, W) from -1 to 1."""
        with self._alone:
            films = self.decoded(self.unscaled(latents))
        return films.float().clamp(-1, 1)

    def decoded(self, latents: Tensor) -> Tensor:
        """What the autoencoder makes of its latents."""
        films: Tensor = self.vae.decode(latents).sample
        return films

    def finished(self, latents: Tensor, request: GenerationRequest) -> tuple[Tensor, Sequence[Clip]]:
        """The first frame of each, and the films; of films of one frame only that."""
        films = self.films(latents)
        if films.shape[2] == 1:
            return films[:, :, 0], ()
        return films[:, :, 0], [Film(to_pixels(film.transpose(0, 1)), request.fps) for film in films]

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents (N, C, 1, h, w) of pictures, each as the one frame of a film."""
        with self._alone:
            encoded = self.vae.encode(pictures.unsqueeze(2)).latent_dist.mean
        return self.scaled(encoded.float())


def shown(latents: Tensor) -> Tensor:
    """Some frames of latents (N, C, F, h, w), evenly spread, the first and the last among them."""
    count = latents.shape[2]
    chosen = torch.linspace(0, count - 1, min(count, SHOWN)).round().long()
    return latents[:, :, chosen.to(latents.device)]


def side_by_side(frames: Tensor) -> Tensor:
    """(N, C, h, F w) of frames (N, C, F, h, w)."""
    return frames.transpose(2, 3).flatten(3)
