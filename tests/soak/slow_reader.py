"""Readers who hardly read: ``python -m tests.soak.slow_reader [READERS] [SECONDS] [ROUNDS]``.

Each has a run of 150 steps painted, which they read as it comes, and then another one, of whose events they read 1 KB a
second, from the first on: what memory grows by has the steps of the runs in it both times. When their runs have ended
somebody paints beside them, and then as many pictures without them, in rounds: what is compared was measured side by
side. The server is a process of its own, so that its memory is not the readers'.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from components.leftovers import MOST_TABS
from tests.soak.chaos import Met, Stranger
from tests.soak.chaotic_studio import ChaoticStudio
from tests.soak.slow_stream import COMPLETED, SlowStream

STEPS, STEPS_BESIDE = 150, 8
A_SECOND = 1024
"""Bytes that a reader reads."""


@dataclass(frozen=True)
class Round:
    """Readers who hardly read for a while, and then nobody but one who paints."""

    quick_mb: float
    """The most that memory grew while they read their runs as they came."""
    grown_mb: float
    """The same, from before they came as slow readers until they read the rest."""
    painted_s: float
    """How long their runs took, all of them."""
    beside_s: list[float]
    """How long pictures took beside them, when their runs were painted."""
    alone_s: list[float]
    """And as many pictures after they had gone."""
    rest: list[bytes]
    """What they read at last, each."""

    def __str__(self) -> str:
        beside, alone = median(self.beside_s), median(self.alone_s)
        waited = max(len(each) for each in self.rest) / 2**10
        return (
            f"runs of {STEPS} steps in {self.painted_s:.0f} s, memory {self.grown_mb:+.1f} MB, {self.quick_mb:+.1f} "
            f"when they were read as they came; {len(self.beside_s)} pictures beside them in {beside:.2f} s each, as "
            f"many without in {alone:.2f} s: {beside / alone:.3f}; {self.told} of {len(self.rest)} told the end, up to "
            f"{waited:.0f} KB had waited"
        )

    @property
    def told(self) -> int:
        """How many of the readers were told the end."""
        return sum(COMPLETED.encode() in each for each in self.rest)


def paint_beside(somebody: Stranger) -> float:
    """Seconds that somebody's picture takes, to its end."""
    began = time.monotonic()
    somebody.paint(STEPS_BESIDE)
    return time.monotonic() - began


def wait_for_runs(studio: ChaoticStudio, count: int) -> None:
    """Until so many runs have begun, and until they have ended."""
    while studio.ask("state")["painted"] < count:
        time.sleep(0.2)
    while studio.ask("state")["painted"]:
        time.sleep(0.2)


def read_as_it_comes(studio: ChaoticStudio, readers: list[Stranger]) -> float:
    """The most that memory grew, in MB, while they all read a run of theirs."""
    before, memory = studio.memory_mb(), list[float]()
    with ThreadPoolExecutor(len(readers)) as pool:
        reading = [pool.submit(reader.read, reader.join(STEPS, "a quick cat")) for reader in readers]
        while wait(reading, 1.0).not_done:
            memory.append(studio.memory_mb())
    return max(memory) - before


def one_round(studio: ChaoticStudio, everybody: list[Stranger], seconds: float) -> Round:
    """Memory and speed beside readers who hardly read, and without them, side by side."""
    somebody, *readers = everybody
    quick_mb = read_as_it_comes(studio, readers)
    before, began = studio.memory_mb(), time.monotonic()
    slow = [SlowStream(studio.url, reader.client, reader.join(STEPS, "a slow cat")) for reader in readers]
    memory, over = [before], threading.Event()

    def read() -> None:
        while not over.wait(1.0):
            for reader in slow:
                reader.read(A_SECOND)
            memory.append(studio.memory_mb())

    reading = threading.Thread(target=read)
    reading.start()
    wait_for_runs(studio, len(readers))
    painted, until, beside = time.monotonic(), time.monotonic() + seconds, list[float]()
    while time.monotonic() < until:
        beside.append(paint_beside(somebody))
    over.set()
    reading.join()
    rest, grown_mb = [reader.read_all() for reader in slow], max(memory) - before
    return Round(quick_mb, grown_mb, painted - began, beside, [paint_beside(somebody) for _ in beside], rest)


def main() -> None:
    """Print how much memory grew, and how much longer others took."""
    readers = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 100.0
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        studio = ChaoticStudio(Path(folder), 1, 15.0, 0.0)
        stack.callback(studio.kill)
        everybody = [Stranger(studio, number, Met()) for number in range(readers + 1)]
        for _ in range(MOST_TABS):
            everybody[0].visit()
        for tab, reader in [(reader.join(STEPS), reader) for reader in everybody]:
            reader.read(tab)  # warms up: what is kept of runs and pictures is as much as it will be
        rounds = list[Round]()
        for number in range(count):
            rounds.append(one_round(studio, everybody, seconds / count))
            print(f"round {number + 1}: {rounds[-1]}")
    beside = [each for one in rounds for each in one.beside_s]
    alone = [each for one in rounds for each in one.alone_s]
    more = [each.grown_mb - each.quick_mb for each in rounds]
    print(
        f"{readers} readers at 1 KB a second, {count} rounds: memory grew by {max(more):.1f} MB more at most than when"
    )
    print(f"the same runs were read as they came, {median(more):.1f} as a median")
    print(f"{len(beside)} pictures beside them, {len(alone)} without: {median(beside):.3f} and {median(alone):.3f} s,")
    print(
        f"ratio {median(beside) / median(alone):.3f}; {sum(r.told for r in rounds)} of {readers * count} told the end"
    )
    print(f"somebody beside them: {dict(everybody[0].met.ends)}")


if __name__ == "__main__":
    main()
