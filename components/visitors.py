"""Who is looking: whose runs and pictures these are, across tabs, reloads and logins."""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict

import gradio as gr

from studio.gallery.pictures import LOCAL

COOKIE = "stepwise-visitor"
MOST_OWNERS = 10_000
"""Beyond these the ones not seen for longest have to load their page again."""
NAMED = re.compile(r"[0-9a-f]{32}")
SCRIPT = f"""<script>
if (!/(^|; ){COOKIE}=[0-9a-f]{{32}}/.test(document.cookie)) {{
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  const name = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  document.cookie = "{COOKIE}=" + name + "; path=/; max-age=31536000; SameSite=Lax";
}}
</script>"""
"""Gives a browser a random name of 128 bits, so that a reload finds its own runs again."""


class Visitors:
    """Owners of requests, and tokens for what the page asks outside of Gradio's events."""

    def __init__(self, public: bool) -> None:
        self._public = public
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._owners: dict[str, str] = {}
        self._lock = threading.Lock()

    def owner(self, request: gr.Request) -> str:
        """Whose work it is: the login's, or on a public page the browser's (the tab's, where
        cookies are off), or the one person's who sits at this machine."""
        if request.username:
            return f"user-{request.username}"
        if not self._public:
            return LOCAL
        name = str(dict(request.cookies or {}).get(COOKIE, ""))
        return f"browser-{name}" if NAMED.fullmatch(name) else f"tab-{request.session_hash}"

    def admit(self, request: gr.Request) -> str:
        """The token that stands for this request's owner, the same for all their pages."""
        owner = self.owner(request)
        with self._lock:
            token = self._tokens.setdefault(owner, secrets.token_hex(16))
            self._tokens.move_to_end(owner)
            self._owners[token] = owner
            if len(self._tokens) > MOST_OWNERS:
                del self._owners[self._tokens.popitem(last=False)[1]]
        return token

    def known_as(self, token: object) -> str | None:
        """The owner a token stands for."""
        return self._owners.get(token) if isinstance(token, str) else None
