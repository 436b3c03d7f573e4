"""The doors: a link or a login becomes a cookie, and the address is clean again."""

from __future__ import annotations

import math
import time
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from components.access import LOGIN_S, PASS, WATCH, Access
from components.body import body
from components.plain import cookie, login_page, sentence
from studio.sharing.roles import Role

MOST_LOGIN_BYTES = 4096
NOT_GOOD = "This link is not good, or not any more: ask whoever gave it to you for a new one."


def routes(access: Access) -> list[Route]:
    """What is asked before anybody is known."""

    async def enter(request: Request) -> Response:
        """Take a link's token for a cookie. The token is in no later address, and so in no history."""
        token = request.path_params["token"]
        link = access.sharing.links.find(token)
        if link is None:  # right ones are never held up: an address may be that of many people, and so of a guesser
            if refused := _too_often(access, request):
                return refused
            access.attempts.wrong(_address(request))
            return sentence(404, NOT_GOOD)
        watching = link.role is Role.WATCHER
        answer = RedirectResponse(f"../watch/{link.id}/" if watching else "../", status_code=303)
        name = WATCH + link.id if watching else PASS
        answer.headers.append("Set-Cookie", cookie(request, name, token, link.expires - time.time()))
        return _unkept(answer)

    async def ask(_: Request) -> Response:
        return login_page() if access.asks_for_password else sentence(404, "There is no login here.")

    async def login(request: Request) -> Response:
        """Take a name and a password for a cookie."""
        if refused := _too_often(access, request):
            return refused
        if not access.asks_for_password:
            return sentence(404, "There is no login here.")
        content = await body(request.receive, MOST_LOGIN_BYTES)
        if refused := _too_often(access, request):  # many may have sent their heads before the first had sent its body
            return refused
        if len(content) > MOST_LOGIN_BYTES:
            return sentence(413, "This is too long for a name and a password.")
        given = parse_qs(content.decode(errors="replace"))
        token = access.signed_in(given.get("user", [""])[0], given.get("password", [""])[0])
        if token is None:
            access.attempts.wrong(_address(request))
            return login_page(wrong=True)
        answer = RedirectResponse("./", status_code=303)
        answer.headers.append("Set-Cookie", cookie(request, PASS, token, LOGIN_S))
        return _unkept(answer)

    return [
        Route("/enter/{token}", enter, methods=["GET"]),
        Route("/login", ask, methods=["GET"]),
        Route("/login", login, methods=["POST"]),
    ]


def _too_often(access: Access, request: Request) -> Response | None:
    wait = math.ceil(access.attempts.wait_s(_address(request)))
    return sentence(429, f"Too many wrong tries from your address: try again in {wait} seconds.") if wait else None


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _unkept(answer: Response) -> Response:
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    return answer
