"""ControlNets in one file, under their original names or diffusers' own."""

from __future__ import annotations

import inspect
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel

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
        module: ControlNetModel = ControlNetModel.from_single_file(str(path), config=folder, **options)
    return module
