"""Bodies of programs' requests: JSON, of bounded length, and so many bytes at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from components.api.values import Payload
from components.body import body
from studio.errors import RequestRefused

MOST_BYTES, MOST_OF_PICTURES = 2**20, 80 * 10**6
"""Of a body, without pictures and with them: as much as may be uploaded to the page."""
MOST_AT_ONCE = 4 * MOST_OF_PICTURES
"""Of all bodies that are being read: they are in memory."""
NOT_JSON = "Send an object as JSON (Content-Type: application/json)."
TOO_LONG = "This is too long: at most {:,} bytes are read."
CROWDED = "Too much is being sent at once: try again in a moment."


class Bodies:
    """Those that are being read. Only for the thread of the server's event loop."""

    def __init__(self) -> None:
        self._bytes = 0

    @asynccontextmanager
    async def read(self, request: Request, most: int) -> AsyncIterator[Payload]:
        """What a request asks for; while inside, its bytes count.

        Raises:
            HTTPException: if it is no JSON, too long, or too much at once.
            RequestRefused: if it is no object.
        """
        if not is_json(request):
            raise HTTPException(415, NOT_JSON)
        length = _length(request, most)
        if length > most:
            raise HTTPException(413, TOO_LONG.format(most))
        if self._bytes + length > MOST_AT_ONCE:
            raise HTTPException(503, CROWDED)
        self._bytes += length
        try:
            content = await body(request.receive, most)
            if len(content) > most:
                raise HTTPException(413, TOO_LONG.format(most))
            yield await run_in_threadpool(parsed, content)
        finally:
            self._bytes -= length


def is_json(request: Request) -> bool:
    """Whether a body says that it is JSON, which no form of another page can, or there is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or _length(request, 1) == 0


def parsed(content: bytes) -> Payload:
    """The object that a body holds, of finite numbers.

    Raises:
        RequestRefused: if it is none.
    """
    try:
        payload = json.loads(content or b"{}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise RequestRefused("body", NOT_JSON)
    return payload


def _length(request: Request, unknown: int) -> int:
    """What a request says; ``unknown`` where it comes in pieces, and 0 where it has no body."""
    said = request.headers.get("content-length", "")
    if said.isascii() and said.isdigit():
        return int(said)
    return unknown if "transfer-encoding" in request.headers else 0


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
