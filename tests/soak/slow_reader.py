"""Readers who hardly read: ``python -m tests.soak.slow_reader [READERS] [SECONDS]``.

Each lets a run of 150 steps be painted and reads its events at 1 KB a second or less. Beside them somebody paints as
usual, and then as many pictures without them, in rounds: what is compared was measured side by side.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import httpx
import psutil

from studio.sharing.budget import Allowance
from tests.components.serving import Serving, Tab

RECEIVED = 4096
"""Bytes that the reader's own machine keeps for it: little, so that the server feels it."""
ROUNDS = 4
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


def paint_beside(serving: Serving) -> float:
    """Seconds that somebody's picture takes, to its end."""
    tab: Tab = serving.artist()
    began = time.monotonic()
    tab.do("paint", tab.values("paint", Prompt="a quick fox", Steps=8))
    return time.monotonic() - began


@dataclass(frozen=True)
class Round:
    """Readers who hardly read for a while, and then nobody but one who paints."""

    grown_mb: float
    """Memory, from when the readers' runs were painted to when they had hardly read them for that while."""
    beside_s: list[float]
    """How long pictures took beside them."""
    alone_s: list[float]
    """And as many pictures after they had gone."""
    told: int
    """How many of the readers were told the end, at last."""


def one_round(serving: Serving, readers: int, seconds: float) -> Round:
    """Memory and speed beside readers who hardly read, and without them, side by side."""
    process, slow = psutil.Process(), [SlowReader(serving) for _ in range(readers)]
    while not all(run.ended for run in serving.studio.runs._runs.values()):
        time.sleep(0.2)  # what they kept of themselves is there from then on
    paint_beside(serving)
    before, until, beside = process.memory_info().rss, time.monotonic() + seconds, list[float]()
    while time.monotonic() < until:
        for reader in slow:
            reader.read()
        beside.append(paint_beside(serving))
    grown = (process.memory_info().rss - before) / 2**20
    told = sum(COMPLETED.encode() in reader.read_all() for reader in slow)
    return Round(grown, beside, [paint_beside(serving) for _ in beside], told)


def main() -> None:
    """Print how much memory grew, and how much longer others took."""
    readers = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 120.0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        serving = Serving(Path(folder), behind_proxy=True, memory_mb=16)
        stack.callback(serving.close)
        serving.studio.sharing.grant(Allowance(work_a_day=0))
        paint_beside(serving)
        rounds = [one_round(serving, readers, seconds / ROUNDS) for _ in range(ROUNDS)]
    beside = [each for one in rounds for each in one.beside_s]
    alone = [each for one in rounds for each in one.alone_s]
    ratios = [median(one.beside_s) / median(one.alone_s) for one in rounds]
    print(f"{readers} readers at about 1 KB a second, {ROUNDS} rounds of {seconds / ROUNDS:.0f} s")
    print("memory grew by", ", ".join(f"{one.grown_mb:.1f}" for one in rounds), "MB")
    print(
        f"{len(beside)} pictures beside them and {len(alone)} without: {median(beside):.2f} and {median(alone):.2f} s"
    )
    print(f"ratio of all {median(beside) / median(alone):.3f}; of each round", *(f"{ratio:.2f}" for ratio in ratios))
    print(f"{sum(one.told for one in rounds)} of {readers * ROUNDS} were told the end")


if __name__ == "__main__":
    main()
