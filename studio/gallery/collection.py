"""Everybody's pictures: files and the rows of the history kept in step."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from PIL import Image

from studio.clips import Clip, beside, remove_clip, size_of
from studio.errors import NotSaved, QuotaReached, StudioError, UnreadablePicture, said
from studio.gallery import infotext, pictures, provenance
from studio.gallery.history import History
from studio.gallery.inputs import NOT_HERE, Inputs
from studio.gallery.kept import Kept
from studio.gallery.quota import Quota
from studio.gallery.thumbnails import Thumbnails, own
from studio.request import GenerationRequest

log = logging.getLogger("stepwise")
TRASH, THUMBNAILS = "trash", "thumbnails"
DAY_S = 86_400.0
IN_TRASH_S = 30 * DAY_S
"""How long a picture that was thrown away can be brought back."""
IDLE_INPUT_S = 7 * DAY_S
"""How long a picture that was brought, and from which none was made, is kept."""
IDLE_WHEN_FULL_S = 3600.0
"""The same when there is no room."""


class Collection:
    """The folder of outputs: pictures, the trash, and the history of them. Safe from any thread.

    A picture's file is durable before its row is written, and both before ``keep`` returns. A
    picture that is thrown away is marked first and moved then; one that is brought back is moved
    first. Whatever moment the power fails at, ``settle`` finds from the row what was meant.
    """

    def __init__(self, outputs: Path, inputs: Inputs, quota: Quota = Quota(), marked: bool = True) -> None:
        self.outputs, self._inputs, self._quota, self._marked = outputs, inputs, quota, marked
        self.history = History(outputs)
        self._thumbnails = Thumbnails(outputs / THUMBNAILS, own)
        self._moving = threading.RLock()

    def close(self) -> None:
        """Close the history."""
        self.history.close()

    # Keeping

    def keep(
        self,
        picture: Image.Image,
        request: GenerationRequest,
        index: int,
        *,
        run: str,
        owner: str,
        model_hash: str,
        vae: tuple[str, str] = ("", ""),
        hashes: Mapping[str, str] = MappingProxyType({}),
        clip: Clip | None = None,
    ) -> tuple[Path, str]:
        """Write a finished picture, at that place in its batch, with the film or the sound that it
        stands for, and its row; the file, and the infotext in it; ``vae`` is the file of its VAE and
        the hash, ``hashes`` are as in its infotext. When this returns all would survive a power cut.

        Raises:
            NotSaved: if either could not be written; then there is nothing of it.
        """
        seed, text = request.seeds[index], infotext.of_request(request, index, model_hash, vae, hashes)
        mark = provenance.xmp(bool(request.image)) if self._marked else ""
        try:
            path = pictures.save(picture, text, self.outputs, owner, f"{run}-{index}-{seed}", mark, clip)
        except OSError as error:
            raise NotSaved(_sentence(said(error))) from error
        try:
            size, where = size_of(path), path.relative_to(self.outputs).as_posix()
            known = {"run": run, "owner": owner, "path": where, "model_hash": model_hash}
            kept = Kept.of(request, seed, index=index, made=time.time(), size=size, **known)
            if clip is not None:  # a sound has no size of its own
                kept = replace(kept, width=picture.width, height=picture.height)
            self.history.add([kept])
        except BaseException as error:
            path.unlink(missing_ok=True)
            remove_clip(path)
            if isinstance(error, sqlite3.Error | OSError):
                raise NotSaved(_sentence(said(error))) from error
            raise
        return path, text

    def bring(self, brought: Path | Image.Image, owner: str) -> str:
        """Keep a picture somebody brings, a file or one that was made for them, and return its name.

        Raises:
            UnreadablePicture: if it is none that can be read.
            QuotaReached: if there is no room.
            NotSaved: if it could not be written.
        """
        self.check_room(owner)
        try:
            name = self._inputs.add_file(brought) if isinstance(brought, Path) else self._inputs.add(brought)
            self._brought(name, owner)
        except (OSError, sqlite3.Error) as error:
            raise NotSaved(_sentence(said(error))) from error
        return name

    def restore(self, name: str, png: bytes, owner: str) -> None:
        """Keep a picture that came with a saved run somebody opens.

        Raises:
            UnreadablePicture: if it is not the one of that name.
            QuotaReached: if there is no room.
            NotSaved: if it could not be written.
        """
        self.check_room(owner)
        try:
            self._inputs.restore(name, png)
            self._brought(name, owner)
        except (OSError, sqlite3.Error) as error:
            raise NotSaved(_sentence(said(error))) from error

    def _brought(self, name: str, owner: str) -> None:
        self.history.add_input(name, owner, self._inputs.path(name).stat().st_size, time.time())

    def may_use(self, name: str, owner: str) -> bool:
        """Whether a picture to start from is here and this owner's. Its name alone gives no right to it:
        names stand in the infotext of what was made from it. Whoever sits at this machine may use all."""
        return self._inputs.has(name) and (owner == pictures.LOCAL or self.history.is_theirs(name, owner))

    def start(self, name: str, owner: str) -> Path:
        """The file of a picture to start from.

        Raises:
            UnreadablePicture: if it is not here, or not this owner's; nobody learns which.
        """
        if not self.may_use(name, owner):
            raise UnreadablePicture(NOT_HERE)
        return self._inputs.path(name)

    def count_inputs(self) -> None:
        """Enter pictures to start from that nobody is known to have brought; they count to all."""
        for name in self._inputs.names() - self.history.inputs():
            self._brought(name, "")

    # Room

    def check_room(self, owner: str) -> None:
        """Make sure that an owner has room for further pictures; if need be, empty the trash.

        Raises:
            QuotaReached: with what to do about it.
            NotSaved: if the history cannot be read or written.
        """
        try:
            if self._reached(owner):
                self._make_room(owner)
            sentence = self._reached(owner)
        except sqlite3.Error as error:
            raise NotSaved(_sentence(said(error))) from error
        if sentence:
            raise QuotaReached(sentence)

    def _make_room(self, owner: str) -> None:
        with self._moving:
            mine = owner if self._quota.reached(owner, self.history.usage(owner), 0) else None
            for kept in self.history.thrown(time.time(), mine):
                if not self._reached(owner):
                    break
                self._purge(kept)
            self._forget_inputs(time.time() - IDLE_WHEN_FULL_S)

    def gauge(self, owner: str) -> tuple[str, bool]:
        """What an owner's pictures take, as a sentence, and whether that is nearly too much."""
        return self._quota.gauge(owner, self.history.usage(owner), self.history.usage())

    def _reached(self, owner: str) -> str:
        return self._quota.reached(owner, self.history.usage(owner), self.history.usage())

    # Looking

    def recent(self, owner: str, count: int) -> list[Path]:
        """The newest pictures of an owner, newest first."""
        return [self.file(kept) for kept in self.history.page(owner, count=count)]

    def file(self, kept: Kept) -> Path:
        """A picture's file, where it is unless it was thrown away.

        Raises:
            StudioError: if its row names one outside of the folder of outputs.
        """
        return self._inside(self.outputs / kept.path)

    def lies(self, kept: Kept) -> Path:
        """A picture's file, in the trash if it was thrown away.

        Raises:
            StudioError: if its row names one outside of the folder of outputs.
        """
        return self.file(kept) if kept.deleted is None else self._thrown(kept)

    def thumbnail(self, kept: Kept) -> bytes:
        """A small JPEG of a picture.

        Raises:
            OSError: if its file cannot be read.
        """
        return self._thumbnails.get(kept.id, self.lies(kept))

    # Throwing away

    def throw_away(self, identities: Sequence[int], owner: str) -> list[int]:
        """Throw those of the pictures away that are this owner's; they can be brought back for 30
        days, or until the room is needed. The ids of those it did."""
        with self._moving:
            found = self.history.of(identities, owner)
            self.history.set_deleted(found, time.time())
            for kept in found:
                self._move(self.file(kept), self._thrown(kept))
        return [kept.id for kept in found]

    def drop(self, files: Sequence[Path], owner: str) -> None:
        """Delete those of the pictures for good that are this owner's: whoever had them made did not want them kept.

        Raises:
            NotSaved: if the history cannot be written.
        """
        try:
            with self._moving:
                for kept in self.history.at([file.relative_to(self.outputs).as_posix() for file in files], owner):
                    self._purge(kept)
        except (OSError, sqlite3.Error) as error:
            raise NotSaved(f"The pictures could not be deleted: {said(error)}.") from error

    def bring_back(self, identities: Sequence[int], owner: str) -> list[int]:
        """Bring those of the pictures back that are this owner's. The ids of those it could."""
        with self._moving:
            found = self.history.of(identities, owner, thrown=True)
            for kept in found:
                self._move(self._thrown(kept), self.file(kept))
            there = [kept for kept in found if self.file(kept).exists()]
            self.history.set_deleted(there, None)
        return [kept.id for kept in there]

    def purge(self) -> None:
        """Delete for good what was thrown away 30 days ago, and what was brought and never used."""
        with self._moving:
            for kept in self.history.thrown(time.time() - IN_TRASH_S):
                self._purge(kept)
            self._forget_inputs(time.time() - IDLE_INPUT_S)

    def settle(self, identity: int) -> None:
        """Bring a row and its file in step again, after a power cut or somebody else's hand."""
        with self._moving:
            kept = self.history.any(identity)
            if kept is None:
                return
            here, thrown = self.file(kept), self._thrown(kept)
            wanted, other = (here, thrown) if kept.deleted is None else (thrown, here)
            if not wanted.exists() and other.exists():
                self._move(other, wanted)
            elif not wanted.exists():
                self._purge(kept)

    def _thrown(self, kept: Kept) -> Path:
        return self._inside(self.outputs / TRASH / kept.path)

    def _purge(self, kept: Kept) -> None:
        self.history.forget([kept.id])
        for path in (self.file(kept), self._thrown(kept)):
            remove_clip(path)
            path.unlink(missing_ok=True)
        self._thumbnails.forget(kept.id)

    def _forget_inputs(self, before: float) -> None:
        idle = self.history.idle_inputs(before)
        self.history.forget_inputs(idle)
        for name in idle:
            self._inputs.forget(name)

    def _move(self, path: Path, to: Path) -> None:
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            if clip := beside(path):  # first, so that it never stays behind: the picture's place decides
                clip.replace(to.with_suffix(clip.suffix))
            path.replace(to)
        except OSError as error:  # the row says what was meant: ``settle`` does it at the next start
            log.warning("%s could not be moved to %s: %s", path, to, error)

    def _inside(self, path: Path) -> Path:
        if path.is_symlink() or not path.resolve().is_relative_to(self.outputs.resolve()):
            raise StudioError("This picture is not in the folder of outputs.")
        return path


def _sentence(why: str) -> str:
    return f"The picture could not be saved: {why}. Free some space, or look at the folder of outputs, and paint again."
