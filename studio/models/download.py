"""Downloads of catalogue entries: one after the other, told as they go, cancelled at any time.

A model is brought together in ``.partial/NAME`` and moved to its place by one rename when it is whole and checked, so
the library never sees half of one. What was cancelled or broken off stays there, and the next try goes on from it.
"""

from __future__ import annotations

import logging
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from studio.errors import ModelUnavailable, StudioError
from studio.models import hub
from studio.models.catalogue import CATALOGUE, Entry
from studio.models.licences import Licences

log = logging.getLogger("stepwise")
PARTIAL = ".partial"
SPARE = 2**29
"""Bytes of the disk that a download leaves free."""
GIGABYTE = 1e9
_EVERY_S = 1.0


class Phase(StrEnum):
    """Where a download is."""

    WAITING = "waiting"
    ASKING = "asking the hub"
    COMING = "downloading"
    DONE = "here"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """One moment of a download."""

    phase: Phase
    done: int = 0
    """Bytes that are here."""
    total: int = 0
    """Bytes there will be; 0 before the hub was asked."""
    sentence: str = ""
    """Why it failed."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.phase in (Phase.DONE, Phase.CANCELLED, Phase.FAILED)


class _Cancelled(Exception):
    """Somebody does not want it any more."""


class Downloads:
    """All downloads of one studio into one folder. Any thread may ask."""

    def __init__(self, folder: Path, licences: Licences, arrived: Callable[[], None] = lambda: None) -> None:
        """``arrived`` is called, in the thread that downloads, when a model has come to its place."""
        self.folder, self.licences, self._arrived = folder, licences, arrived
        self._progress: dict[str, Progress] = {}
        self._cancelled: set[str] = set()
        self._changed = threading.Condition()
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="download", daemon=True)

    def start(self, name: str) -> None:
        """Let a model come; it waits for those asked for before. Nothing happens where it is coming already.

        Raises:
            ModelUnavailable: if the catalogue has none of that name.
            LicenceNotAccepted: if its licence was not accepted yet.
        """
        entry = _entry(name)
        self.licences.require(entry.licence)
        with self._changed:
            if name in self._progress and not self._progress[name].ended:
                return
            self._cancelled.discard(name)
            self._tell(name, Progress(Phase.WAITING))
            self._put(lambda: self._work(entry))

    def cancel(self, name: str) -> None:
        """Stop a download; what has come is kept for the next time."""
        with self._changed:
            progress = self._progress.get(name)
            if progress is not None and not progress.ended:
                self._cancelled.add(name)
                self._tell(name, replace(progress, phase=Phase.CANCELLED))

    def discard(self, name: str) -> None:
        """Throw away what has come of a download that was broken off.

        Raises:
            ModelUnavailable: if the catalogue has none of that name.
        """
        _entry(name)
        self.cancel(name)
        with self._changed:
            self._put(lambda: shutil.rmtree(self._partial(name), ignore_errors=True))
            self._progress.pop(name, None)
            self._changed.notify_all()

    def progress(self, name: str) -> Progress | None:
        """Where the download of a model is; None where none was asked for."""
        with self._changed:
            return self._progress.get(name)

    def kept(self, name: str) -> int:
        """Bytes that are kept of a download that was broken off."""
        return _bytes_in(self._partial(name))

    def follow(self, name: str) -> Iterator[Progress]:
        """A download as it goes, to its end: whatever is new when the reader asks again."""
        seen = None
        while seen is None or not seen.ended:
            with self._changed:
                if self._progress.get(name) == seen:
                    self._changed.wait(_EVERY_S)
                now = self._progress.get(name)
            if now is None:
                return
            if now != seen:
                yield now
            seen = now

    def close(self) -> None:
        """Stop everything. What hangs at a dead network ends with the process."""
        with self._changed:
            self._cancelled |= self._progress.keys()
            self._tasks.put(None)

    def _put(self, task: Callable[[], None]) -> None:
        if not self._thread.is_alive():
            self._thread = threading.Thread(target=self._serve, name="download", daemon=True)
            self._thread.start()
        self._tasks.put(task)

    def _serve(self) -> None:
        while task := self._tasks.get():
            task()

    def _work(self, entry: Entry) -> None:
        try:
            self._bring(entry)
        except _Cancelled:
            return
        except StudioError as error:
            self._fail(entry.name, str(error))
        except OSError as error:
            self._fail(entry.name, f"It could not be written ({error.strerror or error}): make room, then try again.")
        except Exception:
            log.exception("a download failed")
            self._fail(entry.name, "The download failed: try again. What has come is kept.")

    def _bring(self, entry: Entry) -> None:
        """All files of an entry, and then the entry itself."""
        place = self.folder / (entry.file or entry.name)
        if not place.exists():
            self._go_on(entry.name, Progress(Phase.ASKING))
            found = hub.listing(entry.repo, entry.wanted, entry.unwanted)
            partial = self._begun(entry, found.commit)
            self._bring_pieces(entry, found, partial)
            (partial / entry.file).replace(place)  # the folder itself, where it is no single file
            shutil.rmtree(partial, ignore_errors=True)
            self._commit(entry.name).unlink(missing_ok=True)
            self._arrived()
        with self._changed:  # whoever cancels it now is too late
            self._cancelled.discard(entry.name)
            size = _bytes_in(place)
            self._tell(entry.name, Progress(Phase.DONE, size, size))

    def _bring_pieces(self, entry: Entry, found: hub.Listing, partial: Path) -> None:
        _check_room(partial, found.size - _bytes_in(partial))
        before = 0
        for piece in found.pieces:
            to, told = partial / _plain(piece.path, entry.variant), self._telling(entry.name, before, found.size)
            told(0)
            if not to.is_file():
                hub.fetch(found, piece, to, told)
            before += piece.size
        self._go_on(entry.name, Progress(Phase.COMING, before, found.size))

    def _telling(self, name: str, before: int, total: int) -> Callable[[int], None]:
        return lambda done: self._go_on(name, Progress(Phase.COMING, before + done, total))

    def _begun(self, entry: Entry, commit: str) -> Path:
        """The folder it is brought together in; what came of another commit is thrown away."""
        partial = self._partial(entry.name)
        marked = self._commit(entry.name)
        if partial.exists() and (not marked.is_file() or marked.read_text(encoding="utf-8") != commit):
            shutil.rmtree(partial)
        partial.mkdir(parents=True, exist_ok=True)
        marked.write_text(commit, encoding="utf-8")
        return partial

    def _go_on(self, name: str, progress: Progress) -> None:
        with self._changed:
            if name in self._cancelled:
                raise _Cancelled
            self._tell(name, progress)

    def _fail(self, name: str, sentence: str) -> None:
        with self._changed:
            if name not in self._cancelled:
                self._tell(name, replace(self._progress[name], phase=Phase.FAILED, sentence=sentence))

    def _tell(self, name: str, progress: Progress) -> None:
        self._progress[name] = progress
        self._changed.notify_all()

    def _partial(self, name: str) -> Path:
        return self.folder / PARTIAL / name

    def _commit(self, name: str) -> Path:
        """Where it is written down of which commit the files are that have come."""
        return self.folder / PARTIAL / f"{name}.commit"


def _entry(name: str) -> Entry:
    if name not in CATALOGUE:
        raise ModelUnavailable("The catalogue has no model of that name.")
    return CATALOGUE[name]


def _plain(path: str, variant: str) -> str:
    """The name under which loaders look for a file when they are not asked for an edition of the weights."""
    return path.replace(f".{variant}.", ".") if variant else path


def _bytes_in(place: Path) -> int:
    """Of a file, or of all files in a folder."""
    files = [place] if place.is_file() else place.rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed + SPARE > free:
        raise StudioError(
            f"It needs another {needed / GIGABYTE:.1f} GB, and {free / GIGABYTE:.1f} GB of the disk are free: make "
            "room, then try again."
        )
