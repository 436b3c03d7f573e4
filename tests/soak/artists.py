"""Many artists at once: ``python -m tests.soak.artists [ARTISTS] [MINUTES]``.

Each comes in by a link of their own and paints over HTTP as the page does, one picture after another, of a few
steps or of many; sometimes they stop a run, and sometimes their connection breaks in the middle. All the while
somebody opens the page anew. What must be true at the end: nothing that was said to be finished is lost, nothing
waits or paints any more, nobody was left without pictures, and no answer was an error of the server.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import psutil

from studio import Studio
from studio.sharing.budget import Allowance
from tests.components.serving import Serving, Tab

SHORT, LONG = (3, 8), (20, 40)
"""Steps of most pictures, and of every fourth."""
RUN = re.compile(r'run"\]?[,:] ?"([0-9a-f]{32})')
"""A run's id in what the page is sent."""
PATIENCE_S = 120.0
STOPPED, BROKEN = 0.1, 0.1
"""How many runs are stopped, and how many connections break, after the first preview."""


@dataclass
class Met:
    """What an artist has met."""

    finished: list[str] = field(default_factory=list)
    """Ids of the runs that it was told are finished."""
    stopped: int = 0
    broken: int = 0
    first_s: list[float] = field(default_factory=list)
    """From Paint to the first preview of every run."""
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Load:
    """What came of it."""

    artists: tuple[Met, ...]
    lost: int
    """Pictures that were said to be finished and are not there."""
    left_over: int
    """Runs that still wait or paint when everybody is gone."""
    page_s: list[float]
    """How long the page took to answer, all the while."""
    grown_mb: float
    """Memory of the process, server and artists together, between the first third and the end."""

    def __str__(self) -> str:
        firsts = [each for artist in self.artists for each in artist.first_s]
        made = [len(artist.finished) for artist in self.artists]
        return (
            f"{len(self.artists)} artists, {sum(made)} pictures finished, {sum(a.stopped for a in self.artists)} runs "
            f"stopped, {sum(a.broken for a in self.artists)} connections broken, {self.refusals} refused\n"
            f"lost {self.lost}, left over {self.left_over}; pictures of each: {min(made)} to {max(made)}\n"
            f"first preview after {median(firsts):.1f} s, p95 {quantiles(firsts, n=20)[-1]:.1f} s, "
            f"longest {max(firsts):.1f} s\n"
            f"the page answered in {median(self.page_s):.2f} s, longest {max(self.page_s):.2f} s\n"
            f"memory grew by {self.grown_mb:.0f} MB in the last two thirds"
        )

    @property
    def refusals(self) -> int:
        """Requests that were answered with a sentence instead of a run."""
        return sum(len(artist.refused) for artist in self.artists)


def paint(tab: Tab, met: Met, chance: random.Random) -> None:
    """One run, to its end, its stop, or a connection that breaks."""
    steps = chance.randint(*(LONG if chance.random() < 0.25 else SHORT))
    stop, breaks = chance.random() < STOPPED, chance.random() < BROKEN
    event, asked = tab.event("paint"), time.monotonic()
    data = tab.values("paint", Prompt=f"a cat in a meadow, {steps}", Steps=steps)
    joined = tab.client.post(
        "/gradio_api/queue/join", json={"data": data, "fn_index": event._id, "session_hash": tab.session}
    )
    if joined.status_code != 200:
        assert joined.status_code < 500, joined.text
        met.refused.append(joined.text)
        return
    seen, ended, run = False, False, ""
    with tab.client.stream("GET", f"/gradio_api/queue/data?session_hash={tab.session}") as stream:
        for line in stream.iter_lines():
            ended = ended or '"finished"' in line
            run = found[-1] if (found := RUN.findall(line)) else run
            if not seen and "data:image/jpeg" in line:
                seen = True
                met.first_s.append(time.monotonic() - asked)
                if breaks:
                    met.broken += 1
                    return
                if stop:
                    tab.do("stop")
            if '"failed"' in line:
                met.refused.append(line[:300])
            if "process_completed" in line:
                break
    met.finished += [run] if ended else []
    met.stopped += stop and not ended


def one_artist(serving: Serving, number: int, until: float, pictures: int) -> Met:
    """Paint until then, but so many pictures at least."""
    chance = random.Random(number)
    tab = serving.artist()
    met = Met()
    patience = until + PATIENCE_S
    while time.monotonic() < until or (len(met.finished) < pictures and time.monotonic() < patience):
        paint(tab, met, chance)
        tab = Tab(serving, tab.client)
    return met


def load(serving: Serving, artists: int, seconds: float, pictures: int = 1) -> Load:
    """Let them all paint at once."""
    began, process = time.monotonic(), psutil.Process()
    serving.studio.sharing.grant(Allowance(work_a_day=0))
    page_s: list[float] = []
    memory: list[float] = []
    over = threading.Event()

    def look() -> None:
        newcomer = serving.artist().client
        while not over.wait(1.0):
            asked = time.monotonic()
            assert newcomer.get("/").status_code == 200
            page_s.append(time.monotonic() - asked)
            memory.append(process.memory_info().rss / 2**20)

    with ThreadPoolExecutor(artists + 1) as pool:
        looking = pool.submit(look)
        painting = [pool.submit(one_artist, serving, number, began + seconds, pictures) for number in range(artists)]
        try:
            everybody = [artist.result() for artist in painting]
        finally:
            over.set()
        looking.result()
    studio, quiet = serving.studio, time.monotonic() + 30  # a broken connection's run ends within its lease
    while time.monotonic() < quiet and _under_way(studio):
        time.sleep(0.2)
    finished = [run for artist in everybody for run in artist.finished]
    lost = len(finished) - sum(_is_kept(studio, run) for run in set(finished))
    grown = memory[-1] - memory[len(memory) // 3] if memory else 0.0
    return Load(tuple(everybody), lost, _under_way(studio), page_s or [0.0], grown)


def _under_way(studio: Studio) -> int:
    return len(studio.waiting) + (len(studio.engine.runs) if studio.engine else 0)


def _is_kept(studio: Studio, run: str) -> bool:
    """Whether the picture of a run is in the history and on disk."""
    rows = studio.collection.history._rows("SELECT path FROM pictures WHERE run = ?", [run])
    return len(rows) == 1 and (studio.settings.outputs / rows[0]["path"]).is_file()


def main() -> None:
    """Print what came of it."""
    artists = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    with tempfile.TemporaryDirectory() as folder:
        serving = Serving(Path(folder), behind_proxy=True)
        print(load(serving, artists, minutes * 60))
        serving.close()


if __name__ == "__main__":
    main()
