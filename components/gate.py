"""The gate before everything that is served: Gradio's routes, its files and queue, and our own pages."""

from __future__ import annotations

import re
from functools import partial

from starlette._utils import get_route_path
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.access import BROWSER, LET_IN, VISITOR, YEAR_S, Access, Visitor
from components.api import door
from components.capped import Capped
from components.crowd import Crowd
from components.events import Events
from components.leftovers import Leftovers
from components.listening import Listening
from components.plain import cookie, sentence
from components.reader import Reader
from components.schema import CHECKED, Schema
from components.uploads import UPLOAD, Uploads
from studio.sharing import roles
from studio.sharing.roles import Role

OURS = re.compile(r"/(enter|watch|owner|sdapi)/.*|/login|/owner|/watch/[\w-]+")
SESSION = re.compile(r"/gradio_api/heartbeat/(?P<session>[\w-]+)")
STREAM = "/gradio_api/queue/data"
NO_LINK = "This page opens by a link: ask whoever runs it for one. A link that worked before has expired or was ended."
FOREIGN = "Another page sent this request, so it was not done."


class Gate:
    """ASGI middleware: finds out who asks, refuses what they may not have, and passes the rest on."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        ours: Router,
        schema: Schema,
        crowd: Crowd,
        listening: Listening,
        leftovers: Leftovers,
    ) -> None:
        self._app, self._access, self._ours = app, access, ours
        self._events, self._uploads, self._capped = Events(app, schema, crowd), Uploads(app), Capped(app)
        self._listening, self._leftovers = listening, leftovers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Whatever is neither HTTP nor the start of the server is refused."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            asked, path = HTTPConnection(scope), get_route_path(scope)
            answer = self._refusal(asked, path) or self._app_for(path)
            if visitor := scope[VISITOR]:
                scope[LET_IN] = partial(self._access.is_let_in, visitor)
            self._listening.noted(scope)
            self._leftovers.sweep(self._listening)
            session = asked.query_params.get("session_hash", "") if path == STREAM else ""
            if visitor and path == STREAM:
                reader = Reader(receive, send, scope[LET_IN])
                receive, send = reader.receive, reader.send
            with self._listening.stream(session):
                await answer(scope, receive, self._marked(asked, send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _app_for(self, path: str) -> ASGIApp:
        if CHECKED.fullmatch(path):
            return self._events
        if OURS.fullmatch(path):
            return self._ours
        return self._uploads if path == UPLOAD else self._capped

    def _refusal(self, asked: HTTPConnection, path: str) -> Response | None:
        scope = asked.scope
        scope[VISITOR] = None
        programs = self._access.settings.api and path.startswith(door.BEGINS)
        if not self._access.is_own(asked, scope["method"]):
            return door.said(403, FOREIGN) if programs else sentence(403, FOREIGN)
        if programs:
            return door.refusal(self._access, asked, path)
        link = roles.watched_link(path)
        visitor = self._access.watcher(asked, link) if link else self._access.who(asked)
        scope[VISITOR] = visitor
        if roles.may(visitor.role if visitor else None, path):
            if visitor is not None and not self._in_session(asked, path, visitor):
                return sentence(403, FOREIGN)
            return None
        if visitor is not None:
            return sentence(404, "There is nothing here.")
        if path == "/" and self._access.asks_for_password:
            return RedirectResponse("login", status_code=303)
        return sentence(401, NO_LINK)

    def _in_session(self, asked: HTTPConnection, path: str, visitor: Visitor) -> bool:
        named = SESSION.fullmatch(path)
        if visitor.role is Role.WATCHER or (named is None and path != STREAM):
            return True
        session = named["session"] if named else asked.query_params.get("session_hash", "")
        return self._access.owns_session(session, visitor)

    def _marked(self, asked: HTTPConnection, send: Send) -> Send:
        """Sends with the headers that every answer has, and gives a browser its name."""
        visitor = asked.scope[VISITOR]
        nameless = get_route_path(asked.scope) == "/" and visitor is not None and not visitor.person
        framed = bool(self._access.settings.space)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Referrer-Policy", "same-origin")
                if not framed:  # a Space is shown in a frame
                    headers.setdefault("Content-Security-Policy", "frame-ancestors 'self'")
                if nameless and message["status"] == 200:
                    headers.append("Set-Cookie", cookie(asked, BROWSER, self._access.new_name(), YEAR_S, framed))
            await send(message)

        return marked
