"""ControlNets in one file, under their original names or diffusers' own."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from diffusers.loaders.single_file_utils import (
    DIFFUSERS_TO_LDM_MAPPING,
    LDM_CONTROLNET_KEY,
    convert_controlnet_checkpoint,
)
from safetensors.torch import load_file
from torch import Tensor

from studio.models import single_file
from studio.models.beside import read_json
from studio.models.scan import WHOLE_FILES, describe


def read(path: Path) -> ControlNetModel:
    """The ControlNet of a file, in fp32 on the CPU. It is put together as the encoder of its family's UNet is.

    Raises:
        ValueError: if it is of no such family, or of another layout; what else diffusers raises may come as well.
    """
    family = describe(path).nature.family
    if family not in WHOLE_FILES:
        raise ValueError(f"a file is read for {', '.join(WHOLE_FILES)}; use the diffusers folder of this one")
    unet = read_json(single_file.CONFIGS / WHOLE_FILES[family] / "unet" / "config.json")
    taken = inspect.signature(ControlNetModel.__init__).parameters
    config = {name: value for name, value in unet.items() if name in taken} | {"_class_name": "ControlNetModel"}
    options: dict[str, Any] = {"local_files_only": True, "torch_dtype": torch.float32}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        module: ControlNetModel = ControlNetModel.from_single_file(
            _named(load_file(path), config), config=folder, **options
        )
    return module


def _named(tensors: dict[str, Tensor], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """A file's tensors under diffusers' names. diffusers' own converter leaves out the layers by which Stable Diffusion
    XL knows sizes and pooled words, though it has a table of their names."""
    named: dict[str, Tensor] = convert_controlnet_checkpoint(tensors, config)
    for name, original in DIFFUSERS_TO_LDM_MAPPING["controlnet"]["addition_embed_type"].items():
        for there in (original, LDM_CONTROLNET_KEY + original):
            if there in tensors:
                named[name] = tensors[there]
    return named
