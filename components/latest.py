"""The last file that each person was given to download: the next one takes its place."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from gradio.utils import get_upload_folder

from components.uploads import KEPT_FREE
from studio.errors import StudioError

NO_ROOM = "The disk of this studio is nearly full: free some space, then try again."


class Latest:
    """Files in Gradio's own folder, under names nobody guesses."""

    def __init__(self) -> None:
        self._files: dict[str, Path] = {}

    def place(self, owner: str, name: str) -> Path:
        """Where the next file of a person goes. The one before is gone then: each may be of gigabytes.

        Raises:
            StudioError: if the disk is nearly full.
            OSError: if there can be no such file.
        """
        self.drop(owner)
        path = self._files[owner] = Path(get_upload_folder()) / secrets.token_hex(16) / name
        path.parent.mkdir(parents=True)
        if shutil.disk_usage(path.parent).free < KEPT_FREE:
            raise StudioError(NO_ROOM)
        return path

    def drop(self, owner: str) -> None:
        """Delete a person's, or what there is of it."""
        if before := self._files.pop(owner, None):
            shutil.rmtree(before.parent, ignore_errors=True)
