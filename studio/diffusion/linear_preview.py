"""A preview for next to nothing: colours as a linear function of the latents.

Fitted once for each autoencoder by least squares, on its own decodes of synthetic pictures.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

PICTURES, SIDE = 48, 64
ROWS = 512
"""How many latents with their colours are enough: no more pictures than it takes are encoded."""


@dataclass(frozen=True)
class LinearPreview:
    """rgb = latents @ weight + bias at the latents' own size."""

    weight: Tensor
    """(C, 3)"""
    bias: Tensor
    """(3,)"""

    def __call__(self, latents: Tensor) -> Tensor:
        """Pictures (N, 3, h, w) from -1 to 1 of latents (N, C, h, w)."""
        rgb = torch.einsum("nchw,cr->nrhw", latents.float(), self.weight) + self.bias[:, None, None]
        return rgb.clamp(-1, 1)


def fit(
    decode: Callable[[Tensor], Tensor],
    encode: Callable[[Tensor], Tensor],
    flat: Callable[[Tensor], Tensor] = lambda latents: latents,
) -> LinearPreview:
    """The best linear map from latents, laid ``flat`` as pictures are, to the colours the autoencoder decodes
    them to."""
    blots = _blots()
    each = math.prod(flat(encode(blots[:1])).shape[-2:])
    encoded = encode(blots[: math.ceil(ROWS / each)])
    latents = flat(encoded)
    colours = functional.interpolate(decode(encoded), size=latents.shape[-2:], mode="area")
    rows = latents.movedim(1, -1).flatten(0, -2).float()
    design = torch.cat([rows, torch.ones_like(rows[:, :1])], 1).cpu()
    targets = colours.movedim(1, -1).flatten(0, -2).cpu()
    solution = torch.linalg.lstsq(design, targets).solution.to(latents.device)
    return LinearPreview(solution[:-1], solution[-1])


def _blots() -> Tensor:
    """Soft blots of random colours (N, 3, S, S), from a fixed seed: every colour, light and dark,
    beside every other."""
    source = torch.Generator().manual_seed(0)
    coarse = torch.rand(PICTURES, 3, 6, 6, generator=source) * 2.4 - 1.2
    return functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic").clamp(-1, 1)
