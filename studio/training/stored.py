"""Arrays computed once, by all processor cores, and kept in memory-mapped files."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from tqdm import tqdm

CHUNK = 200


def stored(
    path: Path, count: int, item: tuple[int, ...], dtype: DTypeLike, compute: Callable[[int], NDArray[Any]]
) -> NDArray[Any]:
    """The array (count, *item) whose row ``k`` is ``compute(k)``, computed on the first call.

    ``compute`` goes to other processes, so it is a function of a module or a partial of one. A stop in the
    middle leaves a partial file, and the next call starts it anew.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_path = path.with_suffix(".partial")
        rows = np.lib.format.open_memmap(partial_path, "w+", dtype, (count, *item))
        chunks = [range(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
        with ProcessPoolExecutor(_cores()) as pool:
            found = pool.map(partial(_compute_chunk, compute), chunks)
            for chunk, part in tqdm(zip(chunks, found, strict=True), total=len(chunks), desc=path.stem):
                rows[chunk.start : chunk.stop] = part
        rows.flush()
        partial_path.rename(path)
    result: NDArray[Any] = np.load(path, mmap_mode="r")
    return result


def _cores() -> int:
    """Those that this process may use, where the system tells; else all there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _compute_chunk(compute: Callable[[int], NDArray[Any]], chunk: range) -> NDArray[Any]:
    return np.stack([compute(index) for index in chunk])
