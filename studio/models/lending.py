"""Files that hold a transformer alone, and the folders that lend them the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from studio.errors import UnreadableModel
from studio.models.alone import bare
from studio.models.family import Kind
from studio.models.gguf import is_gguf, read_gguf
from studio.models.header import read_header, weight_files
from studio.models.scan import Found
from studio.presets import FITTING


def lenders(borrower: Found, there: Iterable[Found]) -> list[Path]:
    """The diffusers folders of its family."""
    alike = (found for found in there if found.paintable and found.path.is_dir())
    return [found.path for found in alike if found.nature.family == borrower.nature.family]


def nearest(borrower: Path, folders: Sequence[Path]) -> Path | None:
    """Of several folders the one whose transformer has as many numbers as the file, or nearly: so editions of one
    family, larger and smaller ones, told their guidance or not, do not lend to one another. None of none."""
    if len(folders) < 2:
        return next(iter(folders), None)
    wanted = _numbers(borrower)
    return min(folders, key=lambda folder: abs(sum(map(_numbers, weight_files(folder / "transformer"))) - wanted))


def lacking(found: Found, there: Iterable[Found]) -> str:
    """Why nobody can paint with a checkpoint, though it was read, as a sentence; empty where one can."""
    family = found.nature.family
    if found.problem or found.nature.kind != Kind.CHECKPOINT:
        return ""
    if family not in FITTING:
        return "Stepwise knows this family, but cannot paint with it yet."
    if not found.paintable:
        return f"{family} as GGUF is not read: get it as safetensors."
    if found.borrows and not lenders(found, there):
        return f"This is the transformer alone. To paint with it, put a diffusers folder of {family} among your models."
    return ""


def _numbers(path: Path) -> int:
    try:
        header = bare(read_gguf(path) if is_gguf(path) else read_header(path))
    except (UnreadableModel, OSError):
        return 0
    return sum(math.prod(info.shape) for info in header.tensors.values())
