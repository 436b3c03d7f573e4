"""Looking through folders for models: which files there are, and what each one is."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.errors import UnreadableModel
from studio.models.family import Kind, Nature, nature_of
from studio.models.header import Header, read_header

_PICKLES = (".ckpt", ".pt", ".pth", ".bin")
_SINGLE = (".safetensors", ".gguf", *_PICKLES)
_PICKLE_SENTENCE = (
    "A pickle can run code when it is opened, so it is never loaded: get the safetensors version, or convert it with "
    "a tool you trust."
)
_BY_PIPELINE = {
    "StableDiffusionXLImg2Img": "SDXL refiner",
    "StableDiffusionXL": "SDXL",
    "StableDiffusion3": "SD 3",
    "Flux2": "FLUX.2",
    "Flux": "FLUX.1",
    "ZImage": "Z-Image",
    "QwenImage": "Qwen-Image",
    "Sana": "Sana",
    "PixArt": "PixArt",
    "Chroma": "Chroma",
    "Wan": "Wan",
    "LTX": "LTX",
}
"""The class of a diffusers pipeline begins with the word; longer words first."""
_BY_TEXT_WIDTH = {768: "SD 1.x", 1024: "SD 2.x"}


@dataclass(frozen=True)
class Found:
    """One model that was found, readable or not."""

    path: Path
    name: str
    """What people see: the file's or folder's name, without characters that do not print."""
    nature: Nature
    size: int
    """Bytes of a single file; 0 for a folder."""
    title: str = ""
    licence: str = ""
    trigger_words: str = ""
    base_model: str = ""
    """What the file says it was trained on, as its trainer wrote it."""
    problem: str = ""
    """Why it cannot be read, as a sentence; empty where it can."""

    @property
    def paintable(self) -> bool:
        """Whether the engine can load it: a diffusers folder of SD 1.x, 2.x or XL."""
        nature = self.nature
        return self.path.is_dir() and nature.kind == Kind.CHECKPOINT and nature.family in ("SD 1.x", "SD 2.x", "SDXL")


def candidates(folder: Path) -> Iterator[Path]:
    """Every diffusers folder and single model file below a folder, in the order of names.

    Nothing below a diffusers folder is listed by itself. Folders that may not be read are passed over;
    links to folders are not followed, so that a circle of them ends.
    """
    for parent, below, files in os.walk(folder):
        if parent != str(folder) and {"model_index.json", "config.json"} & set(files):
            below.clear()
            yield Path(parent)
            continue
        below.sort()
        yield from (Path(parent, name) for name in sorted(files) if name.lower().endswith(_SINGLE))


def hub_cache() -> dict[str, Path]:
    """The newest revision's folder of each pipeline in the Hugging Face cache, by the repository's name."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = sorted(scan_cache_dir().repos, key=lambda repo: repo.repo_id)
    except (CacheNotFound, ValueError, OSError):
        return {}
    newest = {it.repo_id: max(it.revisions, key=lambda its: its.last_modified) for it in repos if it.revisions}
    folders = {name.split("/")[-1]: revision.snapshot_path for name, revision in newest.items()}
    return {name: folder for name, folder in folders.items() if (folder / "model_index.json").is_file()}


def describe(path: Path, name: str = "") -> Found:
    """What a candidate is, under that name or its own. Never raises: what cannot be read says why in ``problem``."""
    try:
        if path.is_dir():
            return Found(path, printable(name or path.name), _folder_nature(path), 0)
        return _describe_file(path)
    except (UnreadableModel, OSError) as error:
        sentence = str(error) if isinstance(error, UnreadableModel) else "This file could not be opened."
        return Found(path, printable(path.stem), Nature(Kind.UNKNOWN), _size(path), problem=sentence)


def printable(name: str) -> str:
    """A name as it may stand on a page and in a picture's settings: characters that do not print, and
    separators of paths, become underlines."""
    return "".join(sign if sign.isprintable() and sign not in "/\\" else "_" for sign in name) or "_"


def _describe_file(path: Path) -> Found:
    suffix = path.suffix.lower()
    if suffix in _PICKLES:
        raise UnreadableModel(_PICKLE_SENTENCE)
    if suffix == ".gguf":
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise UnreadableModel("This is not a GGUF file, whatever its name says: download it again.")
        return Found(path, printable(path.stem), Nature(Kind.UNKNOWN, "GGUF"), _size(path))
    header = read_header(path)
    said = header.metadata
    title = said.get("modelspec.title") or said.get("ss_output_name") or ""
    licence = said.get("modelspec.license", "")
    base = said.get("modelspec.architecture") or said.get("ss_sd_model_name") or said.get("ss_base_model_version") or ""
    nature = nature_of(header)
    return Found(path, printable(path.stem), nature, _size(path), title, licence, _trigger_words(header), base)


def _trigger_words(header: Header) -> str:
    """The words the file asks for; else the three tags its training pictures had most often."""
    said = header.metadata.get("modelspec.trigger_phrase", "")
    if said:
        return said
    counts: dict[str, int] = {}
    for tags in _object(header.metadata.get("ss_tag_frequency", "")).values():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            counts[tag] = counts.get(tag, 0) + (count if isinstance(count, int) else 0)
    return ", ".join(tag.strip() for tag in sorted(counts, key=lambda tag: -counts[tag])[:3])


def _folder_nature(folder: Path) -> Nature:
    index = read_json(folder / "model_index.json")
    if not index:
        kind = str(read_json(folder / "config.json").get("_class_name", ""))
        if kind.startswith("ControlNet"):
            width = read_json(folder / "config.json").get("cross_attention_dim")
            return Nature(Kind.CONTROLNET, {**_BY_TEXT_WIDTH, 2048: "SDXL"}.get(_number(width), ""))
        return Nature(Kind.VAE if kind.startswith("Autoencoder") else Kind.UNKNOWN)
    pipeline = str(index.get("_class_name", ""))
    family = next((name for start, name in _BY_PIPELINE.items() if pipeline.startswith(start)), "")
    unet = read_json(folder / "unet" / "config.json")
    if not family and pipeline.startswith("StableDiffusion"):
        # A U-Net of its own width, as the embedded model's, is of the first architecture.
        family = _BY_TEXT_WIDTH.get(_number(unet.get("cross_attention_dim")), "SD 1.x")
    if not family:
        return Nature(Kind.UNKNOWN)
    said = read_json(folder / "scheduler" / "scheduler_config.json").get("prediction_type")
    prediction = {"v_prediction": "v", "epsilon": "epsilon"}.get(str(said), "")
    return Nature(Kind.CHECKPOINT, family, unet.get("in_channels") == 9, prediction)


def read_json(path: Path) -> dict[str, Any]:
    """The object a JSON file holds; empty where it holds none or is not there."""
    try:
        return _object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
