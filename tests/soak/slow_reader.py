"""Readers who hardly read: ``python -m tests.soak.slow_reader [READERS] [SECONDS]``.

Each lets a run of 150 steps be painted and reads its events at 1 KB a second; beside them somebody paints as usual.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from tests.components.serving import Serving, Tab

RECEIVED = 4096
"""Bytes that the reader's own machine keeps for it: little, so that the server feels it."""
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
            f"Host: {address.netloc}\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n".encode()
        )

    def read(self, count: int = 1024) -> bytes:
        """So many bytes at most; empty at the end."""
        self.socket.settimeout(60)
        return self.socket.recv(count)

    def read_all(self) -> bytes:
        """At last, everything."""
        told = b""
        while more := self.read(65536):
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


def paint_beside(serving: Serving) -> float:
    """Seconds that somebody's picture takes, to its end."""
    tab: Tab = serving.artist()
    began = time.monotonic()
    tab.do("paint", tab.values("paint", Prompt="a quick fox", Steps=8))
    return time.monotonic() - began


def main() -> None:
    """Print memory before and after, and how long others took."""
    readers = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 120.0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        serving = Serving(Path(folder), behind_proxy=True)
        stack.callback(serving.close)
        alone = [paint_beside(serving) for _ in range(5)][1:]
        process = psutil.Process()
        slow = [SlowReader(serving) for _ in range(readers)]
        time.sleep(30)  # their runs are painted by then, and what they kept of themselves is there
        before, until, beside = process.memory_info().rss, time.monotonic() + seconds, []
        while time.monotonic() < until:
            for reader in slow:
                reader.read()
            beside.append(paint_beside(serving))
        grown = (process.memory_info().rss - before) / 2**20
        print(f"{readers} readers at about 1 KB a second for {seconds:.0f} s: memory grew by {grown:.0f} MB")
        print(f"a picture beside them took {min(beside):.2f} s at best, before {min(alone):.2f} s")
        ended = [b"process_completed" in reader.read_all() for reader in slow]
        print(f"{sum(ended)} of {readers} were told the end")


if __name__ == "__main__":
    main()
