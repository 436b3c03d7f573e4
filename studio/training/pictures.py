"""Pictures as arrays and tensors, and sheets of them to look at."""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def at_hand(array: NDArray[Any], device: torch.device) -> Tensor:
    """The array as a tensor to pick batches from: in a GPU's own memory, or where it is for a CPU."""
    with warnings.catch_warnings():
        # A memory-mapped file is read-only, and so must its tensor be; nobody writes to it.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        tensor = torch.from_numpy(array)
    return tensor.to(device) if device.type == "cuda" else tensor


def to_tensor(pixels: NDArray[np.uint8] | Tensor, device: torch.device) -> Tensor:
    """uint8 (N, H, W, 3) to float (N, 3, H, W) from -1 to 1."""
    tensor = pixels if isinstance(pixels, Tensor) else torch.from_numpy(np.array(pixels))
    return tensor.to(device).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def sheet(pixels: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) side by side as one picture with that many columns."""
    rows = len(pixels) // columns
    _, height, width, _ = pixels.shape
    grid = pixels[: rows * columns].reshape(rows, columns, height, width, 3)
    return np.ascontiguousarray(grid.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3))
