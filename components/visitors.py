"""Who is looking: whose runs and pictures these are, across tabs, reloads and logins."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

import gradio as gr

from studio.gallery.pictures import LOCAL

MOST_OWNERS = 10_000
"""Beyond these the ones not seen for longest have to load their page again."""


class Visitors:
    """Owners of requests, and tokens for what the page asks outside of Gradio's events."""

    def __init__(self, public: bool) -> None:
        self._public = public
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._owners: dict[str, str] = {}
        self._lock = threading.Lock()

    def owner(self, request: gr.Request) -> str:
        """Whose work it is: the person the gate let in; the tab's, where a browser keeps no cookies;
        or, where no gate stands before a page of one's own, whoever sits at this machine."""
        if request.username:
            return str(request.username)
        return f"tab-{request.session_hash}" if self._public else LOCAL

    def runs_this(self, request: gr.Request) -> bool:
        """Whether it comes from whoever runs this studio."""
        return self.owner(request) == LOCAL

    def require_owner(self, request: gr.Request) -> None:
        """Let only whoever runs this studio go on.

        Raises:
            gr.Error: for anybody else.
        """
        if not self.runs_this(request):
            raise gr.Error("Only whoever runs this studio can do that.", print_exception=False)

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
