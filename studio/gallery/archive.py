"""Many pictures as one zip file."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

from studio.clips import beside
from studio.gallery.kept import Kept


def name_of(kept: Kept) -> str:
    """What a picture's file is called for whoever downloads it."""
    made, ending = time.strftime("%Y-%m-%d-%H%M%S", time.localtime(kept.made)), Path(kept.path).suffix.lower()
    return f"{made}-{kept.seed}-{kept.id % 1_000_000:06d}{ending}"


def write(pictures: Iterable[tuple[Kept, Path]], path: Path) -> None:
    """Write pictures, infotext and all, and the films and sounds that they stand for, into a zip, one
    after another and as they are: they do not get smaller.

    Raises:
        OSError: if it could not be written, or a picture not be read.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for kept, file in pictures:
            archive.write(file, name_of(kept))
            if clip := beside(file):
                archive.write(clip, str(Path(name_of(kept)).with_suffix(clip.suffix)))
