"""What is said in the terminal at the start: who can come in, and by which link."""

from __future__ import annotations

import io
import socket
from urllib.parse import urlsplit, urlunsplit

import segno

from components.access import Access
from studio.sharing.links import HOUR_S, Link
from studio.sharing.roles import Role

OPEN = "Open access: anybody who has the address can paint here, and nobody has to say who they are."
LOGIN = "Whoever knows the name and the password of --password can paint here."
ARTISTS = "Whoever has this link can paint here for the next {hours:g} hours, and sees only their own work:"
OWNER = "Your own link, which opens the owner's page as well. Keep it to yourself:"


def announce(access: Access, address: str) -> None:
    """Print how people come in; nothing for a page that only this machine reaches."""
    access.hosts.add(urlsplit(address).netloc)
    if not access.settings.public and access.knows_the_owner:
        return
    base = reachable(address, access.settings.root_path)
    if access.asks_for_password:
        print(LOGIN)
    elif access.is_open:
        print(OPEN)
    else:
        token, _ = made(access, Role.ARTIST, "link of the start")
        link = f"{base}enter/{token}"
        print(f"\n{ARTISTS.format(hours=access.settings.link_hours)}\n\n{qr(link)}\n{link}\n")
    if not access.knows_the_owner and not access.settings.space:
        token, _ = made(access, Role.OWNER, "owner's link of the start")
        print(f"{OWNER}\n{base}enter/{token}\n", flush=True)


def made(access: Access, role: Role, label: str) -> tuple[str, Link]:
    """A new link that is good for as long as the settings say."""
    return access.sharing.links.make(role, access.settings.link_hours * HOUR_S, label)


def qr(link: str) -> str:
    """A link as a QR code of text, for a telephone's camera."""
    drawn = io.StringIO()
    segno.make(link, error="l").terminal(drawn, border=2, compact=True)
    return drawn.getvalue()


def reachable(address: str, root_path: str = "") -> str:
    """The address others type, ending in a slash: the given one, under the name this machine has
    in its network where it listens on all of them, and below the path a proxy serves it under."""
    if urlsplit(root_path).netloc:
        return root_path.rstrip("/") + "/"
    parts = urlsplit(address)
    if parts.hostname in ("0.0.0.0", "::"):
        parts = parts._replace(netloc=f"{_own_address()}:{parts.port}")
    return urlunsplit(parts._replace(path=root_path)).rstrip("/") + "/"


def _own_address() -> str:
    """This machine's address in its network. Connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))  # an address for documentation, RFC 5737
            return str(asking.getsockname()[0])
        except OSError:
            return "127.0.0.1"
