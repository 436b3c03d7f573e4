"""The header of a safetensors file: names and shapes of its tensors, nothing loaded.

The layout is that of https://github.com/huggingface/safetensors#format; the library itself checks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from studio.errors import UnreadableModel

MOST_HEADER_BYTES = 32 * 2**20
"""Headers of the largest known models take a few megabytes."""

_ZIP, _PICKLE = b"PK\x03\x04", (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
UNREAD = "safety_checker"
"""The part of a diffusers folder that is never read."""
_WEB_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml")


@dataclass(frozen=True)
class TensorInfo:
    """What the header says of one tensor."""

    dtype: str
    """As the format writes it: F16, BF16, F8_E4M3..."""
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Header:
    """Tensors by name, and the free text that trainers leave."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """The header of a safetensors file.

    Raises:
        UnreadableModel: if it is not one, with a sentence that says what it is instead.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            _check_start(file.read(512), size)
        # The check above bounds what the library reads; the tensors themselves stay on disk.
        with safe_open(path, framework="np") as opened:
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
            tensors = {name: TensorInfo(found.get_dtype(), tuple(found.get_shape())) for name, found in slices.items()}
            return Header(tensors, dict(opened.metadata() or {}))
    except OSError as error:
        raise UnreadableModel(f"This file could not be opened ({error.strerror or 'it may be broken'}).") from error
    except SafetensorError as error:
        raise UnreadableModel(f"This file is broken: download it again. (Its header does not fit: {error})") from error


def _check_start(start: bytes, size: int) -> None:
    """Refuse what the first bytes already show to be no safetensors file of ``size`` bytes."""
    if start.lstrip().lower().startswith(_WEB_PAGE):
        raise UnreadableModel("This is a web page, not a model: download it again, signed in if the site asks for it.")
    # The length of a header may begin with a pickle's bytes: 640 does.
    if start.startswith(_ZIP) or (start.startswith(_PICKLE) and start[8:9] != b"{"):
        raise UnreadableModel("This is a pickle under another name, which may run code: get the safetensors version.")
    if size < 8:
        raise UnreadableModel("This file is empty or cut off: download it again.")
    length = int.from_bytes(start[:8], "little")
    if length > MOST_HEADER_BYTES:
        raise UnreadableModel("This is not a safetensors file: its header would be larger than any model's.")
    if length + 8 > size:
        raise UnreadableModel("This file is cut off: download it again.")


def variant_of(folder: Path) -> str | None:
    """The variant in which alone some part of a diffusers folder has its weights: "fp16" where they are in
    "model.fp16.safetensors" or "model.fp16-00001-of-00002.safetensors". None where all parts have plain ones."""
    for part in (folder, *sorted(below for below in folder.iterdir() if below.is_dir() and below.name != UNREAD)):
        names = [path.name.split(".") for path in part.glob("*.safetensors")]
        if names and all(len(name) > 2 for name in names):
            return min(name[1].split("-")[0] for name in names)
    return None


def weight_files(folder: Path) -> list[Path]:
    """The weights of a part of a diffusers folder, without the variants that lie beside them, as
    "model.fp16.safetensors" does."""
    found = sorted(folder.glob("*.safetensors"))
    return [path for path in found if path.name.count(".") == 1] or found
