"""Starting noise: one generator for each picture, on the CPU, so that a seed means one picture."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from studio.request import GenerationRequest

LEAST_SINE = 1e-3
"""Of the angle between two noises: below that the arc is as good as straight, and would be divided by nothing."""


def generators(seeds: tuple[int, ...]) -> list[torch.Generator]:
    """A fresh CPU generator for each seed: alone or in a batch, on CPU or GPU, a picture draws
    the same numbers."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def starting_noise(shape: tuple[int, ...], sources: list[torch.Generator]) -> Tensor:
    """Unit normal noise (N, C, h, w) in fp32, each picture from its own generator."""
    return torch.stack([torch.randn(shape, generator=source) for source in sources])


def varied(noise: Tensor, request: GenerationRequest) -> Tensor:
    """Starting noise (N, C, h, w) turned towards that of the variation seeds, each picture's on
    the arc between the two (slerp, Shoemake 1985), where it stays as strong as noise is. Of two that are
    the same, as one seed given twice makes them, there is no arc: they are mixed."""
    if not request.variation_strength:
        return noise
    shape = tuple(noise.shape[1:])
    other = starting_noise(shape, generators(request.variation_seeds)).to(noise)
    one, two = (functional.normalize(each.flatten(1), dim=1) for each in (noise, other))
    angle = (one * two).sum(1).clamp(-1, 1).acos().view(-1, *[1] * len(shape))
    share = request.variation_strength
    arc = (((1 - share) * angle).sin() * noise + (share * angle).sin() * other) / angle.sin()
    return torch.where(angle.sin() < LEAST_SINE, noise.lerp(other, share), arc)


def states(sources: Sequence[torch.Generator], before: tuple[Tensor, ...] = ()) -> tuple[Tensor, ...]:
    """The state of each generator; the tensors of ``before`` themselves where nothing was drawn."""
    now = tuple(source.get_state() for source in sources)
    same = len(now) == len(before) and all(map(torch.equal, now, before))
    return before if same else now


def go_on(sources: Sequence[torch.Generator], request: GenerationRequest, before: tuple[Tensor, ...]) -> None:
    """Have the generators, whose starting noise is drawn, draw what is to come: as ``before``
    says, where a run goes on from another, or anew, where its branch has a seed for that."""
    for source, state in zip(sources, before, strict=False):
        source.set_state(state)
    if request.branch is not None and request.branch.noise_seed is not None:
        for source, seed in zip(sources, request.noise_seeds, strict=True):
            source.manual_seed(seed)
