"""Files without rows and rows without files, found when the studio starts."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from studio.clips import remove_clip, size_of
from studio.errors import StudioError
from studio.gallery import infotext
from studio.gallery.collection import TRASH, Collection
from studio.gallery.kept import Kept
from studio.gallery.pictures import LOCAL, MIME, folder_of, owner_of, read_header
from studio.request import GenerationRequest

log = logging.getLogger("stepwise")
AT_ONCE = 100
"""Rows written in one transaction."""
UNFINISHED = ".partial"


def reconcile(collection: Collection, before: float, stopped: Callable[[], bool]) -> None:
    """Enter files that have no row (of an earlier version, or copied there), bring rows and files
    in step that are not, and remove what a crash left half written. Only files from before that
    time are looked at: later ones are the studio's own affair. Ends early once ``stopped`` says so.

    Raises:
        OSError, sqlite3.Error: if the folder or the history cannot be read or written.
    """
    outputs, trash = collection.outputs, collection.outputs / TRASH
    known = collection.history.paths()
    found = {path.relative_to(outputs).as_posix(): path for path in _files(outputs, before)}
    thrown = {path.relative_to(trash).as_posix(): path for path in _files(trash, before)}
    for where, path in thrown.items():
        if where not in known:
            remove_clip(path)
            path.unlink(missing_ok=True)
    for where, (identity, there) in known.items():
        if stopped():
            return
        if (where in found) != there:
            collection.settle(identity)
    fresh = (kept for where in sorted(found.keys() - known.keys()) if (kept := _read(collection, found[where])))
    while not stopped() and (batch := list(islice(fresh, AT_ONCE))):
        collection.history.add(batch)
    if not stopped():
        collection.count_inputs()
        collection.purge()


def _files(root: Path, before: float) -> Iterator[Path]:
    """Pictures below an outputs folder that are older than that; links are not followed."""
    for top in (folder_of(root, LOCAL), root / "people"):
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder, name)
                try:
                    if path.is_symlink() or path.stat().st_mtime >= before:
                        continue
                except FileNotFoundError:  # thrown away in the meantime
                    continue
                if name.endswith(UNFINISHED):
                    path.unlink(missing_ok=True)
                elif path.suffix.lower() in MIME:
                    yield path


def _read(collection: Collection, path: Path) -> Kept | None:
    """The row of a picture, from the infotext in it; None for what is no picture."""
    try:
        text, (width, height) = read_header(path)
        stat, size = path.stat(), size_of(path)
    except (StudioError, FileNotFoundError) as error:
        log.warning("%s is not entered into the history: %s", path, error)
        return None
    found = infotext.parse(text)
    fields = infotext.to_fields(found)
    where, run = path.relative_to(collection.outputs), re.search(r"-([0-9a-f]{32})-", path.name)
    request = GenerationRequest(**fields)
    kept = Kept.of(
        request,
        request.seed,
        made=stat.st_mtime,
        run=run[1] if run else "",
        owner=owner_of(where.parts[1]) if where.parts[0] == "people" else LOCAL,
        path=where.as_posix(),
        model_hash=infotext.plain(found.get("Model hash", "")),
        size=size,
    )
    # What the picture says, or nothing: a sampler we do not have is not one of ours.
    sampler = fields.get("sampler") or infotext.plain(found.get("Sampler", ""))
    return replace(kept, width=width, height=height, sampler=sampler, model=fields.get("model", ""))
