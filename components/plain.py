"""Plain pages of our own, beside Gradio's: a sentence, a login, and what they share."""

from __future__ import annotations

import secrets
from html import escape
from http import HTTPStatus

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

from components.stage import ASSETS
from components.theme import variables

THEME = """
const kept = localStorage.getItem("stepwise-theme");
const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
document.body.classList.toggle("dark", dark);
"""


def cookie(asked: HTTPConnection, name: str, value: str, seconds: float, framed: bool = False) -> str:
    """A Set-Cookie header that no script can read and no other page can send along."""
    proxied = asked.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    secure = "https" in (asked.scope["scheme"], proxied)
    parts = [f"{name}={value}", "Path=/", f"Max-Age={max(int(seconds), 0)}", "HttpOnly"]
    parts += ["SameSite=None", "Secure", "Partitioned"] if framed and secure else ["SameSite=Lax"]
    return "; ".join(parts + (["Secure"] if secure and not framed else []))


def document(title: str, body: str, script: str = "", style: str = "", status: int = 200) -> HTMLResponse:
    """A whole page that runs its own script only, and talks to nobody but this server."""
    nonce = secrets.token_urlsafe(16)
    css = variables() + (ASSETS / "page.css").read_text(encoding="utf-8")
    css += (ASSETS / "plain.css").read_text(encoding="utf-8") + style
    policy = (
        f"default-src 'none'; img-src data: 'self'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style nonce="{nonce}">{css}</style><body class="sw-plain">{body}'
        f'<script nonce="{nonce}">{THEME}{script}</script></body></html>'
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return HTMLResponse(html, status, headers)


def sentence(status: int, text: str) -> HTMLResponse:
    """A page that says one thing."""
    heading = '<header class="sw-header"><h1>step<b>wise</b></h1></header>'
    return document(HTTPStatus(status).phrase, f"{heading}<main><p>{escape(text)}</p></main>", status=status)


def login_page(wrong: bool = False) -> HTMLResponse:
    """Asks for user and password."""
    said = '<p role="alert" class="sw-wrong">That was not right: try again.</p>' if wrong else ""
    body = f"""<header class="sw-header"><h1>step<b>wise</b></h1></header><main>{said}
<form method="post" action="login"><label>Name <input name="user" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Come in</button></form></main>"""
    return document("Stepwise: come in", body, status=401 if wrong else 200)
