"""How much each person may bring. Gradio asks nobody, and keeps what was uploaded for a day."""

from __future__ import annotations

import shutil
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable

from gradio import FileSize
from gradio.utils import get_upload_folder
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.access import VISITOR
from components.plain import sentence
from studio.gallery.pictures import LOCAL

UPLOAD = "/gradio_api/upload"
MOST_OF_A_FILE = 80 * FileSize.MB
"""A canvas of 24 megapixels as PNG, even of noise."""
MOST_AT_ONCE = MOST_OF_A_FILE + 2 * FileSize.MB
"""Bytes of one request: a file, and what says which it is. Of fields that are no files Gradio keeps all in memory."""
HOUR_S = 3600.0
MOST_AN_HOUR = 2 * 2**30
"""Bytes of one person: a day of it fills no disk, and no canvas comes near it."""
KEPT_FREE = 2**30
"""Bytes of the disk that uploads leave to everything else."""
NO_LENGTH = "Say how long the file is (Content-Length)."
TOO_LARGE = "This is too large: a file may have up to 80 MB."
TOO_MUCH = "You have brought 2 GB within an hour: go on later."
NO_ROOM = "The disk of this studio is nearly full, so no file can be brought now."


class Uploads:
    """An ASGI application: Gradio, where files are brought. It knows what came in the last hour.
    Only for the thread of the server's event loop."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._clock = app, clock
        self._brought: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._under_way: Counter[str] = Counter()
        """Bytes that were announced and may still come."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: refused with a sentence, or passed on. What counts in the end is what came of it."""
        asked, person, came = HTTPConnection(scope), scope[VISITOR].person, 0
        if refused := self._refusal(asked, person):
            await refused(scope, receive, send)
            return
        size = int(asked.headers["content-length"])

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            return message

        self._under_way[person] += size
        try:
            await self._app(scope, counted, send)
        finally:
            self._under_way -= Counter({person: size})
            self._brought[person].append((self._clock(), came))

    def _refusal(self, asked: HTTPConnection, person: str) -> Response | None:
        length = asked.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or asked.headers.get("transfer-encoding"):
            return sentence(411, NO_LENGTH)
        if len(length) > 12 or (size := int(length)) > MOST_AT_ONCE:
            return sentence(413, TOO_LARGE)
        if shutil.disk_usage(get_upload_folder()).free - size < KEPT_FREE:
            return sentence(507, NO_ROOM)
        if person != LOCAL and self._of(person) + size > MOST_AN_HOUR:
            return sentence(413, TOO_MUCH)
        return None

    def _of(self, person: str) -> int:
        now = self._clock()
        for name, brought in list(self._brought.items()):
            while brought and brought[0][0] < now - HOUR_S:
                brought.popleft()
            if not brought:
                del self._brought[name]
        return self._under_way[person] + sum(size for _, size in self._brought.get(person, ()))
