"""Which files a model's weights are in, and how many numbers each part of it has; nothing is loaded."""

from __future__ import annotations

import math
from pathlib import Path

from studio.models.alone import DENOISER_KEYS
from studio.models.gguf import is_gguf, read_gguf
from studio.models.header import read_header, weight_files
from studio.models.library import Source
from studio.models.memory import Weights

DENOISERS = ("unet", "transformer", "transformer_2")
AUTOENCODERS = ("vae", "vqvae")
VAE_KEYS = ("first_stage_model.", "vae.")


def files(source: Source) -> list[Path]:
    """The files that are read when a model is loaded."""
    path = source.path
    if path.is_file():
        lent = _in_folder(source.lender, leave_out=DENOISERS) if source.lender else []
        return [path, *lent]
    if not (path / "model_index.json").is_file():
        return [*_in_folder(path.parent), *sorted(path.glob("*.safetensors"))]
    return _in_folder(path)


def weigh(source: Source) -> Weights:
    """The parameters of its parts.

    Raises:
        UnreadableModel: if a file is not what it should be.
    """
    sizes: dict[str, int] = {}
    for path in files(source):
        header = read_gguf(path) if is_gguf(path) else read_header(path)
        for name, info in header.tensors.items():
            part = _part(path, name, source)
            sizes[part] = sizes.get(part, 0) + math.prod(info.shape)
    denoiser, vae = (sum(sizes.pop(name, 0) for name in names) for names in (DENOISERS, AUTOENCODERS))
    return Weights(denoiser, sizes, vae, source.path.stat().st_size if is_gguf(source.path) else 0)


def _in_folder(folder: Path, leave_out: tuple[str, ...] = ()) -> list[Path]:
    parts = [part for part in sorted(folder.iterdir()) if part.is_dir() and part.name not in leave_out]
    return [path for part in parts for path in weight_files(part)]


def _part(path: Path, tensor: str, source: Source) -> str:
    if path != source.path:
        return path.parent.name
    if tensor.startswith(DENOISER_KEYS) or source.lender is not None:
        return DENOISERS[0]
    return AUTOENCODERS[0] if tensor.startswith(VAE_KEYS) else "text_encoder"
