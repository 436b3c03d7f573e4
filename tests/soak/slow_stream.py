"""Readers who read as slowly as they like, over a bare socket."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.components.serving import Serving

RECEIVED = 4096
"""Bytes that the reader's own machine keeps for it: little, so that the server feels it."""
SENT = 16_384
"""Bytes that the server's machine keeps for every reader, as it does towards a network; for its own programs it keeps
megabytes, which no reader of ours would ever leave."""
LAST_CHUNK = b"\r\n0\r\n\r\n"
COMPLETED = "process_completed"
"""Stands in the last thing that is said of an event."""


class SlowStream:
    """The events of a tab, over a bare socket."""

    def __init__(self, url: str, client: httpx.Client, tab: str) -> None:
        address = urlsplit(url)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
        self.socket.connect((address.hostname, address.port))
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
        self.socket.sendall(
            f"GET /gradio_api/queue/data?session_hash={tab} HTTP/1.1\r\n"
            f"Host: {address.netloc}\r\nCookie: {cookies}\r\n\r\n".encode()
        )

    def read(self, count: int = 1024) -> bytes:
        """So many bytes at most; empty at the end."""
        self.socket.settimeout(60)
        return self.socket.recv(count)

    def read_all(self) -> bytes:
        """At last, everything."""
        told = b""
        while not told.endswith(LAST_CHUNK) and (more := self.read(65536)):
            told += more
        self.socket.close()
        return told

    def last(self) -> str:
        """At last, everything; of that, the line that says how it ended."""
        lines = self.read_all().decode(errors="replace").split("\n")
        return next((line for line in lines if COMPLETED in line), "")


class SlowReader(SlowStream):
    """Somebody who asks for a run of many steps, and reads of it what they like."""

    def __init__(self, serving: Serving, steps: int = 150) -> None:
        self.tab = serving.artist()
        event = self.tab.event("paint")
        body = {
            "data": self.tab.values("paint", Prompt="a slow cat", Steps=steps),
            "fn_index": event._id,
            "session_hash": self.tab.session,
        }
        assert self.tab.client.post("/gradio_api/queue/join", json=body).status_code == 200
        super().__init__(serving.url, self.tab.client, self.tab.session)


def narrow(page: Any) -> None:
    """Have the connections to a page that is served hold as little as those of a network."""
    for listening in page.server.servers:
        for each in listening.sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT)
