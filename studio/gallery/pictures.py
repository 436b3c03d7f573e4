"""Finished pictures as files: written whole and durably or not at all, and read with care."""

from __future__ import annotations

import re
import time
from pathlib import Path

from PIL import Image, PngImagePlugin

from studio.durable import whole
from studio.errors import UnreadablePicture
from studio.gallery import infotext

LOCAL = "local"
"""The owner who sits at this machine."""
MOST_PIXELS = 64_000_000
TOO_LARGE = f"This picture is too large: at most {MOST_PIXELS // 1_000_000} megapixels."


def folder_of(outputs: Path, owner: str) -> Path:
    """Where an owner's pictures go: the web UI's folder name for the local one."""
    if owner == LOCAL:
        return outputs / "txt2img-images"
    safe = re.sub(r"[^A-Za-z0-9-]", lambda mark: f"_{ord(mark[0]):x}_", owner)  # no two owners share a folder
    return outputs / "people" / (safe or "_")


def save(picture: Image.Image, text: str, outputs: Path, owner: str, name: str) -> Path:
    """Write a PNG with its infotext; when this returns it would survive a power cut.

    Raises:
        OSError: if it could not be written; then there is no file.
    """
    folder = folder_of(outputs, owner) / time.strftime("%Y-%m-%d")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%H%M%S')}-{name}.png"
    notes = PngImagePlugin.PngInfo()
    notes.add_text(infotext.CHUNK, text)
    with whole(path) as partial:
        picture.save(partial, "PNG", pnginfo=notes)
    return path


def recent(outputs: Path, owner: str, count: int) -> list[Path]:
    """The newest pictures of an owner, newest first."""
    root = folder_of(outputs, owner)
    days = sorted((day for day in root.glob("*") if day.is_dir()), reverse=True)
    found: list[Path] = []
    for day in days:
        found += sorted(day.glob("*.png"), reverse=True)
        if len(found) >= count:
            break
    return found[:count]


def read_infotext(path: Path) -> str:
    """The infotext in a PNG somebody offers; empty if it has none. The pixels are never read.

    Raises:
        UnreadablePicture: if it is no PNG, or one of absurd size.
    """
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise UnreadablePicture(TOO_LARGE)
            text = picture.info.get(infotext.CHUNK, "")
            return text if isinstance(text, str) else ""
    except UnreadablePicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # Pillow's own limit, while opening
        raise UnreadablePicture(TOO_LARGE) from None
    except Exception as error:  # Pillow raises many kinds for broken files; all mean: not readable
        raise UnreadablePicture("This file is not a PNG picture that can be read.") from error
