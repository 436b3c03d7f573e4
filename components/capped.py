"""Gradio's other routes, whose bodies have no schema: it reads them whole, however long they are."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from components.body import again, body
from components.plain import sentence
from components.schema import MOST_BYTES

BODILESS = ("GET", "HEAD")
TOO_LONG = "This is longer than anything that the page sends: reload it and try again."


class Capped:
    """An ASGI application: Gradio, with bodies of up to ``MOST_BYTES``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: refused with a sentence, or passed on as it came."""
        if scope["method"] in BODILESS:
            await self._app(scope, receive, send)
            return
        content = await body(receive, MOST_BYTES)
        if len(content) > MOST_BYTES:
            await sentence(413, TOO_LONG)(scope, receive, send)
        else:
            await self._app(scope, again(content, receive), send)
