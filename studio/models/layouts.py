"""Where other programs keep their models, below the folder that a person points at.

The names are those of the AUTOMATIC1111 web UI and its forks, and of ComfyUI, whose ``extra_model_paths.yaml``
names further folders: https://github.com/comfyanonymous/ComfyUI/blob/master/extra_model_paths.yaml.example
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_WEB_UI = ("stable-diffusion", "vae", "vae-approx", "lora", "lycoris", "controlnet", "text_encoder", "embeddings")
_COMFY = ("checkpoints", "loras", "vae", "vae_approx", "controlnet", "embeddings", "clip", "text_encoders", "unet")
_KNOWN = {*_WEB_UI, *_COMFY, "diffusion_models", "diffusers"}
_TELLTALE = {"stable-diffusion", "checkpoints"}
"""One of these in a folder shows that it is where such a program keeps its models."""
_MOST_YAML_BYTES = 2**16


def model_folders(root: Path) -> list[Path]:
    """The folders to look through for models: those that a program whose folder this is has for them, else the
    folder itself. So neither its own Python packages nor its upscalers are taken for models."""
    for home in (root / "models", root):
        below = _folders(home)
        if _TELLTALE & below.keys():
            known = [path for name, path in below.items() if name in _KNOWN]
            beside = [path for name, path in _folders(root).items() if name == "embeddings" and path not in known]
            return [*known, *beside, *_named_in(root / "extra_model_paths.yaml")]
    return [root]


def _folders(folder: Path) -> dict[str, Path]:
    """The folders in a folder by their names in small letters; none where it cannot be read."""
    try:
        return {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
    except OSError:
        return {}


def _named_in(file: Path) -> list[Path]:
    """The folders that ComfyUI's file of further paths names, as far as they are there."""
    try:
        if file.stat().st_size > _MOST_YAML_BYTES:
            return []
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return []
    programs = said.values() if isinstance(said, dict) else ()
    return [path for program in programs for path in _named_by(program, file.parent) if path.is_dir()]


def _named_by(program: Any, here: Path) -> Iterator[Path]:
    """The folders of one program in that file; several for one kind stand on lines of their own."""
    if not isinstance(program, dict):
        return
    base = here / Path(str(program.get("base_path") or "")).expanduser()
    for kind, paths in program.items():
        if str(kind).lower() in _KNOWN and isinstance(paths, str):
            yield from (base / Path(line.strip()).expanduser() for line in paths.splitlines() if line.strip())
