"""Rows and collections for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from studio import GenerationRequest
from studio.gallery.collection import Collection
from studio.gallery.inputs import Inputs
from studio.gallery.kept import Kept
from studio.gallery.pictures import LOCAL
from studio.gallery.quota import Quota


def row(number: int, *, owner: str = LOCAL, made: float | None = None, **request: Any) -> Kept:
    """The row of the ``number``-th picture, made that many seconds after 1970."""
    asked: dict[str, Any] = {"prompt": f"picture {number}", "seed": number} | request
    return Kept.of(
        GenerationRequest(**asked),
        number,
        made=float(number) if made is None else made,
        run=f"{number:032x}",
        owner=owner,
        path=f"txt2img-images/{owner}-{number}.png",
        model_hash="0a1b",
        size=1000,
    )


@contextmanager
def opened(outputs: Path, quota: Quota = Quota()) -> Iterator[Collection]:
    """A collection that is closed at the end."""
    collection = Collection(outputs, Inputs(outputs / "inputs"), quota)
    try:
        yield collection
    finally:
        collection.close()


def written_by_the_web_ui(outputs: Path, name: str, kind: str, text: str) -> Path:
    """A picture of 40 x 24 whose infotext is in its EXIF, older than any studio."""
    exif, path = Image.Exif(), outputs / "txt2img-images" / "2024-05-01" / name
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + text.encode("utf-16-be")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 24), "teal").save(path, kind, exif=exif)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def keep(collection: Collection, seed: int = 1, owner: str = LOCAL, **request: Any) -> Kept:
    """A picture of 16 x 16, kept, and its row."""
    asked = GenerationRequest(prompt=f"picture {seed}", seed=seed, **request)
    picture = Image.new("RGB", (16, 16), (seed % 256, 0, 0))
    path, _ = collection.keep(picture, asked, 0, run=f"{seed:032x}", owner=owner, model_hash="0a1b")
    found = collection.history.page(owner, count=1)[0]
    assert collection.file(found) == path
    return found
