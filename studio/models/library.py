"""The models there are: the embedded one, and diffusers folders the owner points at."""

import json
from pathlib import Path
from typing import Any

from studio.errors import ModelUnavailable

EMBEDDED = "stepwise-embedded"
EMBEDDED_CONTROL = "stepwise-lines"
EMBEDDED_FOLDER = Path(__file__).parent.parent.parent / "assets" / "embedded"


class Library:
    """Models by name. Names are what requests carry; paths stay here."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folders = {EMBEDDED: EMBEDDED_FOLDER}
        if folder is not None and folder.is_dir():
            found = sorted(path for path in folder.iterdir() if (path / "model_index.json").is_file())
            self._folders |= {path.name: path for path in found}
        self._controls = {EMBEDDED_CONTROL: EMBEDDED_FOLDER / "controlnet"} | _controls(folder)

    @property
    def names(self) -> list[str]:
        """Every model's name, the embedded one first."""
        return list(self._folders)

    @property
    def controls(self) -> list[str]:
        """Every ControlNet's name, the embedded one first."""
        return list(self._controls)

    def control_folder(self, name: str) -> Path:
        """Where a ControlNet is.

        Raises:
            ModelUnavailable: if there is none of that name.
        """
        if name not in self._controls:
            raise ModelUnavailable(f"There is no ControlNet of that name. There are: {', '.join(self.controls)}.")
        return self._controls[name]

    def native_side(self, name: str) -> int:
        """The side, in pixels, of the pictures a model was trained on; read from its
        configuration, without loading it."""
        folder = self.folder(name)
        sample = _read(folder / "unet" / "config.json").get("sample_size", 64)
        levels = _read(folder / "vae" / "config.json").get("block_out_channels", ()) or (1, 1, 1, 1)
        return int(sample) * 2 ** (len(levels) - 1)

    def folder(self, name: str) -> Path:
        """Where a model is.

        Raises:
            ModelUnavailable: if there is none of that name.
        """
        if name not in self._folders:
            raise ModelUnavailable(f"There is no model of that name. There are: {', '.join(self.names)}.")
        return self._folders[name]


def _controls(folder: Path | None) -> dict[str, Path]:
    """ControlNets by name among the diffusers folders in one."""
    if folder is None or not folder.is_dir():
        return {}
    found = sorted(path for path in folder.iterdir() if (path / "config.json").is_file())
    return {path.name: path for path in found if _read(path / "config.json").get("_class_name") == "ControlNetModel"}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
