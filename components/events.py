"""Gradio's events behind their schema: what no page would send is answered here."""

from __future__ import annotations

import json

from starlette._utils import get_route_path
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.body import again, body
from components.crowd import Crowd, Crowded
from components.schema import MOST_BYTES, Schema


class Events:
    """An ASGI application: Gradio, for the routes whose bodies have a schema."""

    def __init__(self, app: ASGIApp, schema: Schema, crowd: Crowd) -> None:
        self._app, self._schema, self._crowd = app, schema, crowd

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: refused with a sentence, or passed on as it came."""
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        content = await body(receive, MOST_BYTES)
        try:
            with self._crowd.place(scope, content):
                refusal = await run_in_threadpool(self._schema.refusal, get_route_path(scope), content)
                await (_said(400, refusal) if refusal else self._passed_on(content))(scope, receive, send)
        except Crowded as error:
            await _said(429, str(error))(scope, receive, send)

    def _passed_on(self, content: bytes) -> ASGIApp:
        async def passed_on(scope: Scope, receive: Receive, send: Send) -> None:
            await self._app(scope, again(content, receive), _told(send))

        return passed_on


def _said(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence, "detail": sentence}, status)


def _told(send: Send) -> Send:
    """Sends sentences that a handler raised as such: Gradio calls them errors of the server."""
    held: list[Message] = []

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 500:
            held.append(message)
            return
        if held:
            start = held.pop()
            await send({**start, "status": 422 if _is_sentence(message.get("body", b"")) else 500})
        await send(message)

    return told


def _is_sentence(content: bytes) -> bool:
    try:
        answer = json.loads(content)
    except ValueError:
        return False
    return isinstance(answer, dict) and isinstance(answer.get("error"), str)
