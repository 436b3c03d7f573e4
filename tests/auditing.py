"""What Python does behind a test's back: files opened, hosts looked up, connections made, pickles read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WATCHED = ("open", "socket.getaddrinfo", "socket.connect", "pickle.find_class", "subprocess.Popen", "os.system")
_watching: list[list[tuple[str, tuple[Any, ...]]]] = []
_installed: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in WATCHED:
        for seen in _watching:
            seen.append((event, arguments))


@contextmanager
def audited() -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """Collects the events of all threads. A hook of Python's cannot be taken out again, so there is one."""
    if not _installed:
        sys.addaudithook(_hook)
        _installed.append(True)
    seen: list[tuple[str, tuple[Any, ...]]] = []
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)


def opened(seen: list[tuple[str, tuple[Any, ...]]]) -> set[str]:
    """The real paths of the files that were opened."""
    names = {arguments[0] for event, arguments in list(seen) if event == "open"}
    return {os.path.realpath(os.fsdecode(name)) for name in names if isinstance(name, str | bytes)}


def reached(seen: list[tuple[str, tuple[Any, ...]]]) -> set[tuple[str, Any]]:
    """Hosts that were looked up or connected to, with their ports."""
    found: set[tuple[str, Any]] = set()
    for event, arguments in list(seen):
        if event == "socket.getaddrinfo":
            found.add((_text(arguments[0]), _text(arguments[1])))
        elif event == "socket.connect" and isinstance(arguments[1], tuple):
            found.add((_text(arguments[1][0]), arguments[1][1]))
    return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
