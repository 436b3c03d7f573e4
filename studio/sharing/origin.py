"""Where a request comes from: this page itself, another page, this machine (pure)."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via", "cf-connecting-ip")
"""Headers by which proxies and tunnels say that they only pass something on."""


def is_own(headers: Mapping[str, str], hosts: Collection[str], safe: bool) -> bool:
    """Whether a request was made by this page, by hand, or by a program: by no other page.

    ``hosts`` are the names (with ports) this page goes by; ``safe`` is true for GET and HEAD, which
    another page may cause by a plain link to here, but not read.
    """
    origin = headers.get("origin")
    if origin is not None:
        return _host(origin) in {host.lower() for host in hosts}
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return True
    return safe and headers.get("sec-fetch-mode") == "navigate"


def from_this_machine(address: str, host: str, headers: Mapping[str, str]) -> bool:
    """Whether somebody sits at this machine: a loopback address, under a loopback name (another
    name that leads here is DNS rebinding), and passed on by nobody."""
    return _loopback(address) and _loopback(_name(host)) and not any(name in headers for name in FORWARDED)


def _loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _host(origin: str) -> str | None:
    """The host, with its port, of an address that a page can have; None of any other, and of what is no address."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") else None


def _name(host: str) -> str:
    """A host without its port; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
