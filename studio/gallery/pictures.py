"""Finished pictures as files: written whole and durably or not at all, and read with care."""

from __future__ import annotations

import io
import re
import time
import warnings
from pathlib import Path

from PIL import ExifTags, Image, PngImagePlugin

from studio.clips import Clip, remove_clip
from studio.durable import whole
from studio.errors import UnreadablePicture
from studio.gallery import infotext

LOCAL = "local"
"""The owner who sits at this machine."""
MOST_PIXELS = 64_000_000
# Gradio opens what is uploaded before we see it. Pillow raises for twice as many as this, whoever opens it.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2
warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # between the two: a large photograph, and welcome
PngImagePlugin.MAX_TEXT_MEMORY = 8 * 2**20  # all texts of a PNG together, unpacked
KINDS = ("PNG", "JPEG", "WEBP")
"""What the web UI can be told to write, and so what is read."""
MIME = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
"""By the endings of such files."""
COMMENTS = {b"UNICODE\0": "utf-16-be", b"ASCII\0\0\0": "ascii"}
"""How the UserComment of EXIF begins, and how the rest of it is encoded as the web UI writes it."""
XMP = "XML:com.adobe.xmp"
"""The PNG text chunk an XMP packet stands in (XMP specification, part 3)."""
TOO_LARGE = f"This picture is too large: at most {MOST_PIXELS // 1_000_000} megapixels."


def folder_of(outputs: Path, owner: str) -> Path:
    """Where an owner's pictures go: the web UI's folder name for the local one."""
    if owner == LOCAL:
        return outputs / "txt2img-images"
    safe = re.sub(r"[^A-Za-z0-9-]", lambda mark: f"_{ord(mark[0]):x}_", owner)  # no two owners share a folder
    return outputs / "people" / (safe or "_")


def owner_of(folder: str) -> str:
    """The owner whose pictures are in ``people/<folder>``: what ``folder_of`` made of the name."""
    if folder == "_":
        return ""
    return re.sub(r"_([0-9a-f]{1,6})_", lambda code: chr(min(int(code[1], 16), 0x10FFFF)), folder)


def save(
    picture: Image.Image, text: str, outputs: Path, owner: str, name: str, mark: str = "", clip: Clip | None = None
) -> Path:
    """Write a PNG with its infotext and, as XMP, a mark of where it comes from, and before it the
    film or the sound that it stands for; when this returns they would survive a power cut.

    Raises:
        OSError: if one could not be written; then there is no file.
        StudioError: if this machine cannot write such a clip.
    """
    folder = folder_of(outputs, owner) / time.strftime("%Y-%m-%d")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%H%M%S')}-{name}.png"
    notes = PngImagePlugin.PngInfo()
    notes.add_text(infotext.CHUNK, text)
    if mark:
        notes.add_itxt(XMP, mark)
    if clip is not None:
        with whole(path.with_suffix(clip.suffix)) as partial:
            clip.write(partial, text)
    try:
        with whole(path) as partial:
            picture.save(partial, "PNG", pnginfo=notes)
    except BaseException:
        remove_clip(path)
        raise
    return path


def read_infotext(path: Path | io.BytesIO) -> str:
    """The infotext in a picture somebody offers; empty if it has none. The pixels are never read.

    Raises:
        UnreadablePicture: if it is none of ``KINDS``, or one of absurd size.
    """
    return read_header(path)[0]


def read_header(path: Path | io.BytesIO) -> tuple[str, tuple[int, int]]:
    """The infotext in a picture, which may be empty, and its width and height.

    Raises:
        UnreadablePicture: if it is none of ``KINDS``, or one of absurd size.
    """
    try:
        with Image.open(path, formats=KINDS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise UnreadablePicture(TOO_LARGE)
            text = picture.info.get(infotext.CHUNK, "") if picture.format == "PNG" else _comment(picture)
            return text[: infotext.LONGEST] if isinstance(text, str) else "", picture.size
    except UnreadablePicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # Pillow's own limit, while opening
        raise UnreadablePicture(TOO_LARGE) from None
    except Exception as error:  # Pillow raises many kinds for broken files; all mean: not readable
        raise UnreadablePicture("This file is not a PNG, JPEG or WebP picture that can be read.") from error


def _comment(picture: Image.Image) -> str:
    """What stands in the EXIF of a picture as UserComment, up to the length that is read of any infotext."""
    comment = picture.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if not isinstance(comment, bytes) or (encoding := COMMENTS.get(comment[:8])) is None:
        return ""
    return str(comment[8 : 8 + 2 * infotext.LONGEST], encoding, "replace").strip("\0\ufeff")
