"""Pictures as programs send them, in base64, and as they get them back."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image, ImageOps

from studio import Studio
from studio.canvas import preprocess
from studio.errors import UnreadablePicture
from studio.gallery.inputs import LONGEST_SIDE
from studio.presets import PREPROCESSORS

ADDRESS = "No address is fetched here: send the picture itself, in base64."
NOT_BASE64 = "This is no picture in base64."


def content_of(encoded: str) -> io.BytesIO:
    """The file that was sent, as it is or as a data address.

    Raises:
        UnreadablePicture: if it is none.
    """
    head, _, tail = encoded[:128].partition(",")
    if encoded[:8].lower().startswith(("http://", "https://")):
        raise UnreadablePicture(ADDRESS)
    try:
        return io.BytesIO(base64.b64decode(encoded[len(head) + 1 :] if tail or head.startswith("data:") else encoded))
    except ValueError:  # broken padding, or characters beyond ASCII
        raise UnreadablePicture(NOT_BASE64) from None


def encoded(content: bytes) -> str:
    """A file as programs get it."""
    return base64.b64encode(content).decode()


class Bringing:
    """Keeps pictures as somebody's, like those from the page's canvas."""

    def __init__(self, studio: Studio, owner: str) -> None:
        self._studio, self._owner = studio, owner

    def picture(self, sent: str) -> str:
        """The name of a picture.

        Raises:
            StudioError: if it cannot be read, or there is no room for it.
        """
        return self._studio.collection.bring(self._studio.inputs.read(content_of(sent)), self._owner)

    def mask(self, sent: str, inverted: bool) -> str:
        """The name of a mask: what is white in it is painted anew, or, where it has holes, what is opaque.

        Raises:
            StudioError: as ``picture``.
        """
        content = content_of(sent)
        plain = self._studio.inputs.read(content)  # refuses what may not be opened
        mask = _opaque(content) or plain.convert("L")
        return self._studio.collection.bring(ImageOps.invert(mask) if inverted else mask, self._owner)

    def followed(self, module: str, sent: str, resolution: int) -> str:
        """The name of the map that a preprocessor makes of a picture, looked at with so many pixels on its shorter
        side, or its own where that is 0.

        Raises:
            StudioError: as ``picture``, and if the preprocessor has no weights.
        """
        picture = self._studio.inputs.read(content_of(sent))
        if resolution and PREPROCESSORS[module].detector:
            scale = min(resolution / min(picture.size), LONGEST_SIDE / max(picture.size))
            picture = ImageOps.scale(picture, scale, Image.Resampling.LANCZOS)
        return self._studio.collection.bring(preprocess.control_map(module, picture), self._owner)


def _opaque(content: io.BytesIO) -> Image.Image | None:
    """Which parts of a picture are opaque; None where all are."""
    content.seek(0)
    with Image.open(content) as picture:
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    return alpha if alpha is not None and alpha.getextrema() != (255, 255) else None


def file_of(path: Path) -> str:
    """A finished picture's file, with its infotext."""
    return encoded(path.read_bytes())
