"""How much each person may bring. Gradio asks nobody, and keeps what was uploaded for a day."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable

from gradio.utils import get_upload_folder
from starlette.requests import HTTPConnection
from starlette.responses import Response

from components.plain import sentence
from studio.gallery.pictures import LOCAL

UPLOAD = "/gradio_api/upload"
HOUR_S = 3600.0
MOST_AN_HOUR = 2 * 2**30
"""Bytes of one person: a day of it fills no disk, and no canvas comes near it."""
KEPT_FREE = 2**30
"""Bytes of the disk that uploads leave to everything else."""
NO_LENGTH = "Say how long the file is (Content-Length)."
TOO_MUCH = "You have brought 2 GB within an hour: go on later."
NO_ROOM = "The disk of this studio is nearly full, so no file can be brought now."


class Uploads:
    """What was brought in the last hour. Only for the thread of the server's event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._brought: dict[str, deque[tuple[float, int]]] = {}

    def refusal(self, asked: HTTPConnection, person: str) -> Response | None:
        """Why this upload is refused; None where it is not, and then it is counted as that person's."""
        length = asked.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit():
            return sentence(411, NO_LENGTH)
        size, now = int(length), self._clock()
        folder = get_upload_folder()
        if shutil.disk_usage(folder).free - size < KEPT_FREE:
            return sentence(507, NO_ROOM)
        if person != LOCAL and self._of(person, now) + size > MOST_AN_HOUR:
            return sentence(413, TOO_MUCH)
        self._brought.setdefault(person, deque()).append((now, size))
        return None

    def _of(self, person: str, now: float) -> int:
        for name, brought in list(self._brought.items()):
            while brought and brought[0][0] < now - HOUR_S:
                brought.popleft()
            if not brought:
                del self._brought[name]
        return sum(size for _, size in self._brought.get(person, ()))
