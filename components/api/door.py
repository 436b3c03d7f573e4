"""Who may come in as a program: with the rights they have on the page, and told in JSON what they may not."""

from __future__ import annotations

import math

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from components.access import VISITOR, Access
from studio.sharing import roles

BEGINS = "/sdapi/"
STRANGER = (
    "Say who asks: with a link's token (Authorization: Bearer TOKEN) or, where the page asks for a password, with user "
    "and password (Authorization: Basic)."
)


def refusal(access: Access, asked: HTTPConnection, path: str) -> JSONResponse | None:
    """Why a program's request is refused; None where it is not. Whose it is stands in its scope then."""
    address, named = asked.client.host if asked.client else "", asked.headers.get("authorization", "")
    wait = math.ceil(access.attempts.wait_s(address)) if named else 0
    held_up = said(429, f"Too many wrong tries from your address: try again in {wait} seconds.") if wait else None
    if held_up and named.lower().startswith("basic"):  # a right token is never held up, as at the door of the page
        return held_up
    visitor = asked.scope[VISITOR] = access.program(asked)
    if visitor is None:
        if held_up:
            return held_up
        if named:
            access.attempts.wrong(address)
        return said(401, STRANGER, {"WWW-Authenticate": "Basic" if access.asks_for_password else "Bearer"})
    return None if roles.may(visitor.role, path, programs=True) else said(404, "There is nothing here.")


def said(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A refusal, as the web UI words it."""
    return JSONResponse({"detail": sentence}, status, headers)
