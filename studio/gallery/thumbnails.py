"""Small pictures for the gallery, made once and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from studio.durable import whole
from studio.gallery.pictures import KINDS

SIDE = 256
QUALITY = 82


class Thumbnails:
    """A folder of JPEGs, each named by its picture's id."""

    def __init__(self, folder: Path, read: Callable[[Path], Image.Image]) -> None:
        """``read`` opens a picture as carefully as wherever it comes from demands."""
        self._folder, self._read = folder, read
        self._lock = threading.Lock()

    def get(self, identity: int, picture: Path) -> bytes:
        """The thumbnail of a picture in that file, at most 256 px a side.

        Raises:
            OSError: if there is none, and none can be made.
            StudioError: if ``read`` says so.
        """
        kept = self._path(identity)
        with self._lock:
            if not kept.exists():
                self._make(kept, picture)
        return kept.read_bytes()

    def _make(self, kept: Path, picture: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._read(picture) as opened, whole(kept) as partial:
            opened.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            opened.convert("RGB").save(partial, "JPEG", quality=QUALITY)

    def forget(self, identity: int) -> None:
        """Drop one."""
        self._path(identity).unlink(missing_ok=True)

    def _path(self, identity: int) -> Path:
        return self._folder / f"{int(identity)}.jpg"


def own(picture: Path) -> Image.Image:
    """A picture in the studio's own folder, not yet decoded; another program may have written it there.

    Raises:
        OSError: if it is none any more.
    """
    return Image.open(picture, formats=KINDS)
