"""Starting noise: one generator for each picture, on the CPU, so that a seed means one picture."""

import torch
from torch import Tensor


def generators(seeds: tuple[int, ...]) -> list[torch.Generator]:
    """A fresh CPU generator for each seed: alone or in a batch, on CPU or GPU, a picture draws
    the same numbers."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def starting_noise(shape: tuple[int, int, int], sources: list[torch.Generator]) -> Tensor:
    """Unit normal noise (N, C, h, w) in fp32, each picture from its own generator."""
    return torch.stack([torch.randn(shape, generator=source) for source in sources])
