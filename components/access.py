"""Who a request comes from, and what they may do: the one place that decides, for Gradio's routes and ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from starlette.requests import HTTPConnection, Request

from studio.gallery.pictures import LOCAL
from studio.settings import Settings
from studio.sharing import origin
from studio.sharing.attempts import Attempts
from studio.sharing.links import DAY_S, Link
from studio.sharing.roles import Role
from studio.sharing.sharing import Sharing

PASS, BROWSER, WATCH = "stepwise-pass", "stepwise-visitor", "stepwise-watch-"
NAMED = re.compile(r"[0-9a-f]{32}")
YEAR_S, LOGIN_S = 365 * DAY_S, 30 * DAY_S
MOST_SESSIONS = 10_000
VISITOR, LET_IN = "stepwise.visitor", "stepwise.let-in"
"""Where the gate leaves the visitor in a request's scope, and what tells whether they may still come in."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who may come in."""

    role: Role
    person: str
    """Whose work theirs is; empty where a browser keeps no cookie, and every tab is on its own."""
    link: Link | None = None


class Access:
    """Over a studio's settings and links."""

    def __init__(self, settings: Settings, sharing: Sharing) -> None:
        self.settings, self.sharing = settings, sharing
        self.attempts = Attempts()
        self.hosts = {urlsplit(settings.root_path).netloc} - {""}
        """Names this page goes by, beside the one it is asked under; a tunnel's is added when it is known."""
        self._user, _, password = settings.password.partition(":")
        self._password = _hashed(password) if password else b""
        self._unseen = secrets.token_bytes(32)
        """With it addresses become names that tell nobody the address; another one at every start."""
        self._sessions: OrderedDict[str, str] = OrderedDict()
        if settings.public or settings.password:
            sharing.links.keep_logins(settings.password)

    @property
    def asks_for_password(self) -> bool:
        """Whether people can come in by a login."""
        return bool(self._password)

    @property
    def is_open(self) -> bool:
        """Whether anybody may paint: asked for by its option, or on a Space, which has its own doors."""
        return not self.asks_for_password and (self.settings.open_access or bool(self.settings.space))

    @property
    def knows_the_owner(self) -> bool:
        """Whether who sits at this machine is taken for its owner. Not where requests of others may
        look the same: through a tunnel or a proxy, and where somebody thought a password necessary."""
        settings = self.settings
        return not (settings.share or settings.behind_proxy or settings.space or settings.password)

    def who(self, asked: HTTPConnection) -> Visitor | None:
        """Whoever asks, unless they are nobody we know."""
        address, host = asked.client.host if asked.client else "", asked.headers.get("host", "")
        if self.knows_the_owner and origin.from_this_machine(address, host, asked.headers):
            return Visitor(Role.OWNER, LOCAL)
        if self.settings.space and (name := _space_user(asked)):
            owner = name == self.settings.space.partition("/")[0]
            return Visitor(Role.OWNER, LOCAL) if owner else Visitor(Role.ARTIST, f"user-{name}")
        link = self._link(asked.cookies.get(PASS, ""))
        if link is not None and link.role is Role.OWNER:
            return Visitor(Role.OWNER, LOCAL, link)
        if self.is_open or (link is not None and link.role is Role.ARTIST):
            return Visitor(Role.ARTIST, (link and link.person) or self._browser(asked.cookies), link)
        return None

    def program(self, asked: HTTPConnection) -> Visitor | None:
        """Whoever a program speaks for, unless they are nobody we know: by a link's token or by the login that it
        sends along, or as a browser would be known. Programs keep no cookies, so those without a name of their own
        are one person for each link, or for each address."""
        visitor = self._authorized(asked) or self.who(asked)
        if visitor is None or visitor.person:
            return visitor
        address = asked.client.host if asked.client else ""
        hidden = hmac.new(self._unseen, address.encode(), hashlib.sha256).hexdigest()[:32]
        return replace(visitor, person=f"link-{visitor.link.id}" if visitor.link else f"address-{hidden}")

    def watcher(self, asked: HTTPConnection, link_id: str) -> Visitor | None:
        """Whoever watches by a link, if they have it."""
        link = self._link(asked.cookies.get(WATCH + link_id, ""))
        known = link is not None and link.role is Role.WATCHER and link.id == link_id
        return Visitor(Role.WATCHER, "", link) if known else None

    def is_let_in(self, visitor: Visitor) -> bool:
        """Whether somebody who came in could still do so: their link may have been ended since."""
        if visitor.link is None or (self.is_open and visitor.role is Role.ARTIST):
            return True
        return self.sharing.links.is_good(visitor.link)

    def is_own(self, asked: HTTPConnection, method: str) -> bool:
        """Whether no other page is behind a request."""
        hosts = {asked.headers.get("host", ""), *self.hosts}
        if self.settings.behind_proxy:
            hosts.add(asked.headers.get("x-forwarded-host", "").split(",")[0].strip())
        return origin.is_own(asked.headers, hosts - {""}, method in ("GET", "HEAD"))

    def owns_session(self, session: str, visitor: Visitor) -> bool:
        """Whether a tab's stream of events is this visitor's: it belongs to whoever asked first."""
        if not session or not visitor.person:
            return self._sessions.get(session, "") == ""
        self._sessions[session] = self._sessions.get(session) or visitor.person
        self._sessions.move_to_end(session)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return self._sessions[session] == visitor.person

    def signed_in(self, user: str, password: str) -> str | None:
        """The token of a pass for whoever knows the password. Both are compared in constant time."""
        if not self._knows(user, password):
            return None
        words, person = self.settings.password, f"user-{self._user}"
        return self.sharing.links.log_in(words, LOGIN_S, f"login of {self._user}", person)[0]

    def new_name(self) -> str:
        """A browser's name: 128 random bits, signed, since a name that anybody can make up is anybody's."""
        return self.sharing.links.signed(secrets.token_hex(16))

    def _browser(self, cookies: Mapping[str, str]) -> str:
        """A person for each browser. The cookie itself is a secret, so what is shown and stored is its hash."""
        given = cookies.get(BROWSER, "")
        name = given.partition(".")[0]
        signed = self.sharing.links.signed(name) if NAMED.fullmatch(name) else ""
        if not signed or not hmac.compare_digest(given.encode(), signed.encode()):
            return ""
        return f"browser-{hashlib.sha256(name.encode()).hexdigest()[:32]}"

    def _knows(self, user: str, password: str) -> bool:
        right = hmac.compare_digest(_hashed(user), _hashed(self._user)) & hmac.compare_digest(
            _hashed(password), self._password
        )
        return right and self.asks_for_password

    def _authorized(self, asked: HTTPConnection) -> Visitor | None:
        """Whom the header of that name stands for."""
        scheme, _, given = asked.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            user, _, password = _decoded(given).partition(":")
            return Visitor(Role.ARTIST, f"user-{self._user}") if self._knows(user, password) else None
        link = self._link(given.strip()) if scheme.lower() == "bearer" else None
        if link is None or link.role is Role.WATCHER:
            return None
        owner = link.role is Role.OWNER
        return Visitor(link.role, LOCAL if owner else link.person or self._browser(asked.cookies), link)

    def _link(self, token: str) -> Link | None:
        return self.sharing.links.find(token) if token else None


def is_let_in(request: gr.Request) -> bool:
    """Whether whoever asked for an event may still come in. Requests that came past the gate may."""
    return bool(_scope(request).get(LET_IN, lambda: True)())


def link_id(request: gr.Request) -> str:
    """The id of the link by which whoever asks came in; empty where there was none."""
    visitor = _scope(request).get(VISITOR)
    return visitor.link.id if isinstance(visitor, Visitor) and visitor.link else ""


def _scope(request: gr.Request) -> Mapping[str, Any]:
    """Events have Gradio's request; functions of the page's scripts the one that this is made from."""
    found: Mapping[str, Any] = getattr(getattr(request, "request", request), "scope", {})
    return found


def person(request: Request) -> str | None:
    """Gradio's name for whoever asks; None, which it refuses, if the gate let nobody in."""
    visitor = request.scope.get(VISITOR)
    return visitor.person if isinstance(visitor, Visitor) else None


def _space_user(asked: HTTPConnection) -> str:
    session: dict[str, Any] = asked.scope.get("session") or {}
    name = ((session.get("oauth_info") or {}).get("userinfo") or {}).get("preferred_username", "")
    return name if isinstance(name, str) and re.fullmatch(r"[\w.-]{1,96}", name) else ""


def _decoded(given: str) -> str:
    """User and password as a program sends them; empty for what is none."""
    try:
        return base64.b64decode(given, validate=True).decode()
    except ValueError:
        return ""


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()
