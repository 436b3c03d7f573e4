"""Pictures that people bring to start from, kept by their content, so that a request can name them."""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from studio.durable import whole
from studio.errors import UnreadablePicture
from studio.gallery.pictures import MOST_PIXELS, TOO_LARGE

KINDS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
LONGEST_SIDE = 8192
"""Of a canvas; the masked part alone of a large picture is painted at its own size."""
QUICK = 1
"""Of zlib's levels: a large photograph is written several times as fast as at the usual one, and a sixth larger."""
NOT_HERE = "A picture or a map that this is painted from is not here: bring it again."
GROUND = (255, 255, 255)
"""What shows through transparent places."""


class Inputs:
    """A folder of PNG files, each named by the SHA-256 of its pixels."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._large = threading.RLock()  # one at a time: a picture may take 200 MB while it is read

    def add(self, picture: Image.Image) -> str:
        """Keep a picture (RGB, upright, without transparency) and return its name.

        Raises:
            OSError: if it could not be written.
        """
        return self._keep(upright(picture))

    def add_file(self, path: Path) -> str:
        """Keep the picture in a file somebody offers, and return its name.

        Raises:
            UnreadablePicture: if it is none we can ``read``.
            OSError: if it could not be written.
        """
        with self._large:
            return self._keep(self.read(path))

    def read(self, file: Path | io.BytesIO) -> Image.Image:
        """The picture that somebody offers (RGB, upright), no larger than any request can use; of an animated
        one, the first frame.

        Raises:
            UnreadablePicture: if it is none we can read, or too large.
        """
        with self._large:
            return _read(file)

    def names(self) -> set[str]:
        """Of all pictures that are here."""
        return {path.stem for path in self._folder.glob("*.png") if self.has(path.stem)}

    def has(self, name: str) -> bool:
        """Whether the picture of that name is here."""
        return bool(re.fullmatch("[0-9a-f]{64}", name)) and self._path(name).is_file()

    def forget(self, name: str) -> None:
        """Delete the picture of that name, if it is here."""
        if self.has(name):
            self._path(name).unlink(missing_ok=True)

    def restore(self, name: str, png: bytes) -> None:
        """Keep a picture that came with a saved run.

        Raises:
            UnreadablePicture: if it is not the one of that name.
            OSError: if it could not be written.
        """
        with self._large:
            plain = self.read(io.BytesIO(png))
            if _name(plain) != name:
                raise UnreadablePicture("The picture in this file is not the one its run starts from.")
            self._keep(plain)

    def path(self, name: str) -> Path:
        """The PNG file of that name.

        Raises:
            UnreadablePicture: if it is not here.
        """
        if not self.has(name):
            raise UnreadablePicture(NOT_HERE)
        return self._path(name)

    def get(self, name: str) -> Image.Image:
        """The picture of that name.

        Raises:
            UnreadablePicture: if it is not here.
        """
        with Image.open(self.path(name), formats=["PNG"]) as picture:
            return picture.convert("RGB")

    def _keep(self, plain: Image.Image) -> str:
        name = _name(plain)
        path = self._path(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path) as partial:
                plain.save(partial, "PNG", compress_level=QUICK)
        return name

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.png"


def _name(plain: Image.Image) -> str:
    return hashlib.sha256(f"{plain.width}x{plain.height}".encode() + plain.tobytes()).hexdigest()


def look(file: Path) -> None:
    """Accept the picture in a file somebody offers, by its header alone.

    Raises:
        UnreadablePicture: if it is none we can read, or too large.
    """
    with _opened(file):
        pass


def _read(file: Path | io.BytesIO) -> Image.Image:
    with _opened(file) as picture:
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        return upright(picture)


@contextmanager
def _opened(file: Path | io.BytesIO) -> Iterator[Image.Image]:
    try:
        with Image.open(file, formats=KINDS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise UnreadablePicture(TOO_LARGE)
            yield picture
    except (UnreadablePicture, Image.DecompressionBombError):
        raise UnreadablePicture(TOO_LARGE) from None
    except Exception as error:  # Pillow raises many kinds for broken files; all mean: not readable
        raise UnreadablePicture(f"This file is no picture that can be read ({', '.join(KINDS)}).") from error


def upright(picture: Image.Image) -> Image.Image:
    """RGB, turned as its camera held it, its colours in sRGB, transparent places on white, deep
    greys brought to 8 bits."""
    turned = _in_srgb(ImageOps.exif_transpose(picture))
    if turned.mode.startswith(("I", "F")):
        turned = _in_eight_bits(turned)
    if turned.has_transparency_data:
        ground = Image.new("RGBA", turned.size, (*GROUND, 255))
        turned = Image.alpha_composite(ground, turned.convert("RGBA"))
    return turned.convert("RGB")


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits, or in 32 bits of whatever scale holds its lightest pixel, in 8."""
    values = np.nan_to_num(np.asarray(picture, np.float64))
    scales = {"I": (255, 65535, 2**31), "F": (1, 255, 65535, 2**31)}.get(picture.mode, (65535,))
    white = next((scale for scale in scales if values.max() <= scale), values.max())
    return Image.fromarray((values.clip(0, white) * (255 / white)).round().astype(np.uint8))


def _in_srgb(picture: Image.Image) -> Image.Image:
    """The same colours in sRGB, where a colour profile says that its numbers mean others."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture
    bare = picture.convert("RGB") if picture.mode == "RGBA" else picture
    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(bare, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # a profile that cannot be read, or is of another kind of picture
        return picture
    if converted is not None and picture.mode == "RGBA":
        converted.putalpha(picture.getchannel("A"))
    return converted or picture
