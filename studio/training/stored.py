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
    middle leaves a partial file and a count of its rows, and the next call goes on from there.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_path, counted = path.with_suffix(".partial"), path.with_suffix(".count")
        known = int(counted.read_text()) if counted.exists() and partial_path.exists() else 0
        rows = np.lib.format.open_memmap(partial_path, "r+" if known else "w+", dtype, (count, *item))
        chunks = [range(first, min(first + CHUNK, count)) for first in range(known, count, CHUNK)]
        with ProcessPoolExecutor(_cores()) as pool, tqdm(initial=known, total=count, desc=path.stem) as bar:
            for chunk, part in zip(chunks, pool.map(partial(_compute_chunk, compute), chunks), strict=True):
                rows[chunk.start : chunk.stop] = part
                counted.write_text(str(chunk.stop))
                bar.update(len(chunk))
        rows.flush()
        partial_path.rename(path)
        counted.unlink()
    result: NDArray[Any] = np.load(path, mmap_mode="r")
    return result


def _cores() -> int:
    """Those that this process may use, where the system tells; else all there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _compute_chunk(compute: Callable[[int], NDArray[Any]], chunk: range) -> NDArray[Any]:
    return np.stack([compute(index) for index in chunk])
