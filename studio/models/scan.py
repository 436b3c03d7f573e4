"""Looking through folders for models: which files there are, and what each one is."""

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from studio.errors import UnreadableModel
from studio.models.alone import edition
from studio.models.beside import as_object, beside, read_json, said
from studio.models.family import UNION, Kind, Nature, nature_of, nature_of_gguf, unsupported
from studio.models.gguf import is_gguf, read_gguf
from studio.models.header import Header, read_header
from studio.presets import FITTING

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
    "FluxKontext": "FLUX.1 Kontext",
    "FluxFill": "FLUX.1 Fill",
    "FluxControlPipeline": "FLUX.1 Control",
    "Flux": "FLUX.1",
    "ZImageOmni": "Z-Image Omni",
    "ZImage": "Z-Image",
    "QwenImage21": "Qwen-Image 2.1",
    "QwenImageLayered": "Qwen-Image-Layered",
    "QwenImageEdit": "Qwen-Image-Edit",
    "QwenImage": "Qwen-Image",
    "SanaPipeline": "Sana",
    "Sana": "Sana, a later kind",
    "PixArtSigma": "PixArt",
    "PixArtAlpha": "PixArt-Alpha",
    "Chroma": "Chroma",
    "WanPipeline": "Wan",
    "Wan": "Wan with pictures",
    "LTXPipeline": "LTX-Video",
    "LTX": "LTX with pictures",
    "AudioLDM2": "AudioLDM 2",
}
"""The class of a diffusers pipeline begins with the word; longer words first."""
TRANSFORMER_CONTROLS = {
    "FluxControlNetModel": "FLUX.1",
    "SD3ControlNetModel": "SD 3",
    "QwenImageControlNetModel": "Qwen-Image",
}
"""The class of a ControlNet for a transformer, and the family that it leads."""
WHOLE_FILES = {"SD 1.x": "sd-1", "SD 2.x": "sd-2", "SDXL": "sdxl"}
"""Families whose single files hold all of a pipeline, and the folder of presets/configs that tells how to put it
together."""
_WEIGHTY = ("unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3")
"""The parts of a pipeline that have weights."""
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
    alias: str = ""
    """The name that a LoRA's trainer gave it, by which the web UI asks for it unless it is told otherwise."""
    licence: str = ""
    trigger_words: str = ""
    base_model: str = ""
    """What the file says it was trained on, as its trainer wrote it."""
    notes: str = ""
    """What somebody wrote about it beside it."""
    header_hash: str = ""
    """The hash that the file's trainer wrote into it (kohya's, of the weights without the header)."""
    problem: str = ""
    """Why it cannot be read, as a sentence; empty where it can."""

    @property
    def paintable(self) -> bool:
        """Whether the engine can load it: a checkpoint of a family with settings of its own. A file with a
        transformer alone, as all GGUF files are, needs a folder of its family beside it: ``borrows``."""
        readable = not self.problem and not (is_gguf(self.path) and self.nature.family in WHOLE_FILES)
        return readable and self.nature.kind == Kind.CHECKPOINT and self.nature.family in FITTING

    @property
    def borrows(self) -> bool:
        """Whether it is a file that lacks text encoders and autoencoder."""
        return self.path.is_file() and self.nature.family not in WHOLE_FILES


def candidates(folder: Path) -> Iterator[Path]:
    """Every diffusers folder and single model file below a folder, in the order of names.

    Nothing below a diffusers folder is listed by itself. Hidden folders and those that may not be read are
    passed over; links to folders are followed, to each folder once, so that a circle of them ends.
    """
    seen: set[tuple[int, int]] = set()
    for parent, below, files in os.walk(folder, followlinks=True):
        here = _identity(Path(parent))
        if here is None or here in seen:
            below.clear()
            continue
        seen.add(here)
        if is_model_folder(Path(parent)):
            below.clear()
            yield Path(parent)
            continue
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if name.lower().endswith(_SINGLE))


def is_model_folder(folder: Path) -> bool:
    """Whether a folder is one model: a pipeline, or a module with its configuration. The web UI's own settings are in a
    ``config.json``, too. Not one that may not be read."""
    try:
        if (folder / "model_index.json").is_file():
            return True
    except OSError:  # of a disk's ``lost+found`` it cannot even be asked what is in it
        return False
    return not {"_class_name", "architectures", "model_type"}.isdisjoint(read_json(folder / "config.json"))


def _identity(folder: Path) -> tuple[int, int] | None:
    """What a folder and all links to it have in common; None where it is gone."""
    try:
        told = folder.stat()
    except OSError:
        return None
    return told.st_dev, told.st_ino


def hub_cache() -> dict[str, Path]:
    """What models the newest revisions in the Hugging Face cache hold, by the repositories' names: whole pipelines,
    ControlNets and VAEs, and the files of LoRAs and the like; of several files each by its own name, too."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = sorted(scan_cache_dir(constants.HF_HUB_CACHE).repos, key=lambda repo: repo.repo_id)
    except (CacheNotFound, ValueError, OSError):
        return {}
    newest = {it.repo_id: max(it.revisions, key=lambda its: its.last_modified) for it in repos if it.revisions}
    folders = {name.split("/")[-1]: revision.snapshot_path for name, revision in newest.items()}
    return {called: path for name, folder in folders.items() for called, path in _in_snapshot(name, folder)}


def _in_snapshot(name: str, snapshot: Path) -> Iterator[tuple[str, Path]]:
    if is_model_folder(snapshot):
        if _is_whole(snapshot) or _is_module(snapshot):
            yield name, snapshot
        return
    files = [path for path in sorted(snapshot.glob("*.safetensors")) if _is_shared(path.resolve())]
    yield from ((name if len(files) == 1 else f"{name} {path.stem}", path) for path in files)


def _is_module(snapshot: Path) -> bool:
    """Whether it is a ControlNet or a VAE whose weights have come."""
    kind = str(read_json(snapshot / "config.json").get("_class_name", ""))
    known = kind in TRANSFORMER_CONTROLS or kind.startswith(("ControlNet", "Autoencoder"))
    return known and _has_weights(snapshot)


@functools.cache
def _is_shared(blob: Path) -> bool:
    """Whether a file is of a kind that people share as such. The cache calls its files by what is in them, so that one
    look at each is enough."""
    return describe(blob).nature.kind in (Kind.LORA, Kind.VAE, Kind.CONTROLNET)


def _is_whole(snapshot: Path) -> bool:
    """Whether a pipeline's weights have all come: the cache shows a snapshot as soon as its first file is there."""
    index = read_json(snapshot / "model_index.json")
    parts = [snapshot / name for name, said in index.items() if name in _WEIGHTY and isinstance(said, list) and said[0]]
    return bool(index) and all(_has_weights(part) for part in parts)


def _has_weights(part: Path) -> bool:
    maps = [read_json(file).get("weight_map") for file in part.glob("*.index.json")]
    shards = {str(name) for each in maps if isinstance(each, dict) for name in each.values()}
    files = [path for ending in (".safetensors", ".bin") for path in part.glob(f"*{ending}")]
    return bool(files) and all(path.is_file() for path in [*files, *(part / shard for shard in shards)])


def _has_only_pickles(folder: Path) -> bool:
    """Whether some part of a model has weights, but none that may be read."""
    whole = (folder / "model_index.json").is_file()
    parts = [folder / name for name in _WEIGHTY] if whole else [folder]
    return any(any(part.glob("*model*.bin")) and not any(part.glob("*.safetensors")) for part in parts)


def describe(path: Path, name: str = "") -> Found:
    """What a candidate is, under that name or its own. Never raises: what cannot be read says why in ``problem``."""
    try:
        if path.is_dir():
            nature, licence = _folder_nature(path), beside(path).licence
            if nature.kind != Kind.UNKNOWN and _has_only_pickles(path):
                raise UnreadableModel(_PICKLE_SENTENCE)
            return Found(path, printable(name or path.name), nature, 0, licence=licence)
        found = _describe_file(path)
        return replace(found, name=printable(name)) if name else found
    except (UnreadableModel, OSError) as error:
        sentence = str(error) if isinstance(error, UnreadableModel) else "This file could not be opened."
        own = path.name if path.is_dir() else path.stem
        return Found(path, printable(name or own), Nature(Kind.UNKNOWN), _size(path), problem=sentence)


def printable(name: str) -> str:
    """A name as it may stand on a page and in a picture's settings: characters that do not print, and
    separators of paths, become underlines."""
    return "".join(sign if sign.isprintable() and sign not in "/\\" else "_" for sign in name) or "_"


def _describe_file(path: Path) -> Found:
    if path.suffix.lower() in _PICKLES:
        raise UnreadableModel(_PICKLE_SENTENCE)
    binary = is_gguf(path)
    header = read_gguf(path) if binary else read_header(path)
    if problem := unsupported(header):
        raise UnreadableModel(problem)
    nature = nature_of_gguf(header) if binary else nature_of(header)
    inside, outside = header.metadata, beside(path)

    def told(*names: str) -> str:
        return next((text for name in names if (text := said(inside.get(name)))), "")

    return Found(
        path,
        printable(path.stem),
        replace(nature, family=edition(nature.family, path.stem)),
        _size(path),
        title=told("modelspec.title", "ss_output_name") or outside.title,
        alias=told("ss_output_name"),
        licence=told("modelspec.license", "general.license"),
        trigger_words=outside.trigger_words or said(_trigger_words(header)),
        base_model=told("modelspec.architecture", "ss_sd_model_name", "ss_base_model_version") or outside.base_model,
        notes=outside.notes,
        header_hash=told("sshs_model_hash", "modelspec.hash_sha256"),
    )


def _trigger_words(header: Header) -> str:
    """The words the file asks for; else the three tags its training pictures had most often."""
    said = header.metadata.get("modelspec.trigger_phrase", "")
    if said:
        return said
    counts: dict[str, int] = {}
    for tags in as_object(header.metadata.get("ss_tag_frequency", "")).values():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            counts[tag] = counts.get(tag, 0) + (count if isinstance(count, int) else 0)
    return ", ".join(tag.strip() for tag in sorted(counts, key=lambda tag: -counts[tag])[:3])


def _folder_nature(folder: Path) -> Nature:
    index = read_json(folder / "model_index.json")
    if not index:
        config = read_json(folder / "config.json")
        kind = str(config.get("_class_name", ""))
        if kind in TRANSFORMER_CONTROLS:
            return Nature(Kind.CONTROLNET, TRANSFORMER_CONTROLS[kind])
        if kind.startswith("ControlNetUnion"):
            raise UnreadableModel(UNION)
        if kind.startswith("ControlNet"):
            width = config.get("cross_attention_dim")
            return Nature(Kind.CONTROLNET, {**_BY_TEXT_WIDTH, 2048: "SDXL"}.get(_number(width), ""))
        if kind.startswith("Autoencoder"):
            return Nature(Kind.VAE, channels=_number(config.get("latent_channels")))
        return Nature(Kind.UNKNOWN)
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


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
