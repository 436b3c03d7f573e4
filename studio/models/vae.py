"""Autoencoders in the place of those that models bring: a VAE that was chosen for a run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import nn

from studio.diffusion.linear_preview import LinearPreview
from studio.errors import ModelUnavailable
from studio.models.beside import read_json
from studio.models.device import Placement
from studio.models.families.base import Family
from studio.models.header import variant_of
from studio.models.library import VaeSource

ALIKE = ("_class_name", "scaling_factor", "shift_factor")
"""What of a configuration has to be that of the model's own autoencoder: by it latents are brought to the size that the
denoiser was trained on."""


@dataclass(eq=False)
class LoadedVae:
    """A VAE on its device."""

    name: str
    file: str
    """What the web UI calls it: the file with its ending."""
    fingerprint: str
    module: nn.Module
    linear: dict[type[Family], LinearPreview] = field(default_factory=dict)
    """Its linear previews, each fitted once."""

    @property
    def bytes_held(self) -> int:
        """What its weights take."""
        return sum(each.numel() * each.element_size() for each in self.module.parameters())


def read(source: VaeSource, placement: Placement) -> nn.Module:
    """The autoencoder of a folder or a file, in fp32 on its device. A file does not say how it is put together and
    scaled: it is taken to be as the model's own, ``source.like``.

    Raises:
        ModelUnavailable: if it is of another kind than the model's own; what diffusers raises may come as well.
    """
    options: dict[str, Any] = {"local_files_only": True, "torch_dtype": torch.float32}
    own = read_json(source.like / "config.json")
    if source.path.is_dir():
        config = read_json(source.path / "config.json")
        if config.get("_class_name") != "AutoencoderTiny":  # it is trained on latents as the denoiser has them
            _check_alike(config, own, source.name)
        kind: Any = getattr(diffusers, str(config.get("_class_name")))
        module: Any = kind.from_pretrained(
            source.path, use_safetensors=True, variant=variant_of(source.path), **options
        )
    else:
        kind = getattr(diffusers, str(own["_class_name"]))
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "config.json").write_bytes((source.like / "config.json").read_bytes())
            try:
                module = kind.from_single_file(str(source.path), config=folder, **options)
            except ValueError as error:  # of what shape each tensor would have to be
                raise ModelUnavailable(
                    f"The VAE {source.name!r} is not laid out as this model's own. Choose another, or Automatic."
                ) from error
    return module.to(placement.device)  # type: ignore[no-any-return]


def _check_alike(config: dict[str, Any], own: dict[str, Any], name: str) -> None:
    for key in ALIKE:
        if (config.get(key) or 0) != (own.get(key) or 0):
            raise ModelUnavailable(
                f"The VAE {name!r} is made for another family than this model: its {key.strip('_').replace('_', ' ')} "
                f"is {config.get(key)}, not {own.get(key)}. Choose another, or Automatic."
            )
