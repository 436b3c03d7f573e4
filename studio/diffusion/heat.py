"""Values as colours: dark for nothing, warm for much, bright for the most."""

import torch
from torch import Tensor

GROUND, WARM, BRIGHT = (17, 18, 20), (240, 168, 75), (255, 250, 235)
"""Colours of a map from nothing to most."""


def colours(share: Tensor) -> Tensor:
    """Colours (N, 3, H, W) from -1 to 1 of values (N, 1, H, W) from 0 to 1."""
    stops = (torch.tensor(colour).view(1, 3, 1, 1).to(share) for colour in (GROUND, WARM, BRIGHT))
    low, middle, high = (stop / 127.5 - 1 for stop in stops)
    warm = low + (middle - low) * (2 * share).clamp(0, 1)
    return warm + (high - middle) * (2 * share - 1).clamp(0, 1)
