"""Links that let people in: made, found by their token, revoked. What is kept of a token is its HMAC."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studio.durable import whole
from studio.sharing.roles import Role

log = logging.getLogger("stepwise")
TOKEN_BYTES = 32
"""256 bits; the least that is promised is 128."""
LONGEST_TOKEN = 128
HOUR_S, DAY_S = 3600.0, 86_400.0


@dataclass(frozen=True, kw_only=True)
class Link:
    """One link, without its token: that is shown once, when the link is made."""

    id: str
    role: Role
    digest: str
    """HMAC-SHA256 of the token under this studio's secret, in hexadecimal."""
    expires: float
    """Seconds since 1970."""
    label: str = ""
    person: str = ""
    """Who comes in by it; empty where every browser is a person of its own."""
    run: str = ""
    """The one run that a watcher sees."""
    by: str = ""
    """The id of the link by which whoever made this one had come in: it ends with that."""
    login: str = ""
    """Of a login's link: a digest of the name and the password, with which it ends."""


class Links:
    """The links there are, kept in a folder. Safe from any thread.

    Raises:
        OSError: if the folder cannot be written.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock, self._lock = folder / "links.json", clock, threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._secret = _secret(folder / "secret")
        self._links = {link.digest: link for link in _read(self._file)}

    def make(
        self, role: Role, seconds: float, label: str = "", person: str = "", run: str = "", by: str = ""
    ) -> tuple[str, Link]:
        """A new link that is good for so long, and its token."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        link = Link(
            id=secrets.token_hex(8),
            role=role,
            digest=self._digest(token),
            expires=self._clock() + seconds,
            label=label,
            person=person,
            run=run,
            by=by,
        )
        with self._lock:
            self._links[link.digest] = link
            self._keep(write=not run)
        return token, link

    def log_in(self, words: str, seconds: float, label: str, person: str) -> tuple[str, Link]:
        """The one link of all who know these words, good for so long from now on, and its token. That follows from the
        words, the studio's secret and the link's id, which is another one when the link was revoked."""
        login = self._login(words)
        with self._lock:
            found = [link.id for link in self._links.values() if link.login == login and self.is_good(link)]
            identity = found[0] if found else secrets.token_hex(8)
            token = self._digest(f"login {identity} {words}")
            link = Link(
                id=identity,
                role=Role.ARTIST,
                digest=self._digest(token),
                expires=self._clock() + seconds,
                label=label,
                person=person,
                login=login,
            )
            self._links[link.digest] = link
            self._keep()
        return token, link

    def keep_logins(self, words: str) -> None:
        """Let nobody in any more who logged in by other words than these. Only logins' links are kept for a person."""
        login = self._login(words)
        with self._lock:
            found = [digest for digest, link in self._links.items() if link.person and link.login != login]
            for digest in found:
                del self._links[digest]
            if found:
                self._keep()

    def find(self, token: str) -> Link | None:
        """The link of a token, unless it was revoked or has expired."""
        if not 0 < len(token) <= LONGEST_TOKEN:
            return None
        link = self._links.get(self._digest(token))
        return link if link is not None and self.is_good(link) else None

    def is_good(self, link: Link) -> bool:
        """Whether a link that was found still lets in."""
        return link.digest in self._links and link.expires > self._clock()

    def revoke(self, link_id: str) -> bool:
        """Let nobody in by a link any more, nor by those that they made who came by it, and not those who are in
        already; False if there is none."""
        with self._lock:
            found = [digest for digest, link in self._links.items() if link_id and link_id in (link.id, link.by)]
            for digest in found:
                del self._links[digest]
            if found:
                self._keep()
        return bool(found)

    def alive(self) -> list[Link]:
        """The links that are good now, those that last longest first."""
        now = self._clock()
        with self._lock:
            good = [link for link in self._links.values() if link.expires > now]
        return sorted(good, key=lambda link: -link.expires)

    def watching(self, run_id: str) -> list[Link]:
        """The links by which a run is watched."""
        return [link for link in self.alive() if link.run == run_id]

    def signed(self, name: str) -> str:
        """A name with this studio's signature, by which it is known that it was given here."""
        return f"{name}.{self._digest(f'name {name}')}"

    def _digest(self, token: str) -> str:
        return hmac.new(self._secret, token.encode(errors="replace"), hashlib.sha256).hexdigest()

    def _login(self, words: str) -> str:
        """Slow to guess by, since words are short."""
        return hashlib.scrypt(words.encode(errors="replace"), salt=self._secret, n=2**14, r=8, p=1).hex()

    def _keep(self, write: bool = True) -> None:
        now = self._clock()
        self._links = {digest: link for digest, link in self._links.items() if link.expires > now}
        if not write:
            return
        lasting = [
            dataclasses.asdict(link) for link in self._links.values() if not link.run
        ]  # runs end with the process
        with whole(self._file) as partial:
            partial.write_text(json.dumps(lasting, indent=1), encoding="utf-8")
            partial.chmod(0o600)


def _secret(file: Path) -> bytes:
    """The studio's secret, readable by its owner alone; made at the first start."""
    if not file.exists():
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as opened:
            opened.write(secrets.token_bytes(TOKEN_BYTES))
            opened.flush()
            os.fsync(opened.fileno())
    kept = file.read_bytes()
    if len(kept) == TOKEN_BYTES:
        return kept
    log.warning("%s is damaged: links made before are no longer good", file)
    file.unlink()
    return _secret(file)


def _read(file: Path) -> list[Link]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return [Link(**each | {"role": Role(each["role"])}) for each in kept]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be read, so nobody gets in by links made before: %s", file, error)
        return []
