"""Pictures of the world, drawn once and kept on disk, so that training never waits for a brush."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from studio.training.world import SceneDataset

CHUNK = 200


def _draw_chunk(job: tuple[SceneDataset, int, int]) -> NDArray[np.uint8]:
    scenes, first, count = job
    return np.stack([np.asarray(scenes.picture(index)) for index in range(first, first + count)])


def drawn(scenes: SceneDataset, count: int, folder: Path) -> NDArray[np.uint8]:
    """The first ``count`` pictures as uint8 (count, size, size, 3), memory-mapped from a file
    that is drawn on the first call."""
    path = folder / f"pictures-{scenes.seed}-{scenes.size}-{'held' if scenes.held_out else 'train'}-{count}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        shape = (count, scenes.size, scenes.size, 3)
        pixels = np.lib.format.open_memmap(partial, "w+", np.uint8, shape)
        jobs = [(scenes, first, min(CHUNK, count - first)) for first in range(0, count, CHUNK)]
        with ProcessPoolExecutor() as pool:
            for (_, first, size), chunk in tqdm(
                zip(jobs, pool.map(_draw_chunk, jobs), strict=True), total=len(jobs), desc="drawing"
            ):
                pixels[first : first + size] = chunk
        pixels.flush()
        partial.rename(path)
    result: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return result


def to_tensor(pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    """uint8 (N, H, W, 3) to float (N, 3, H, W) from -1 to 1."""
    tensor = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
    return tensor.permute(0, 3, 1, 2).float().div(127.5).sub(1)


def to_pixels(tensor: Tensor) -> NDArray[np.uint8]:
    """float (N, 3, H, W) from -1 to 1 to uint8 (N, H, W, 3)."""
    scaled = tensor.float().add(1).mul(127.5).round().clamp(0, 255)
    result: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
    return result


def sheet(pixels: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) side by side as one picture with that many columns."""
    rows = len(pixels) // columns
    _, height, width, _ = pixels.shape
    grid = pixels[: rows * columns].reshape(rows, columns, height, width, 3)
    return np.ascontiguousarray(grid.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3))
