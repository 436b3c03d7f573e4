"""Seeded chaos: ``python -m tests.soak.chaos [MINUTES] [SEED]``.

Strangers come in by links and paint over HTTP. Each time chance decides whether they wait for the end, stop the run,
break the connection, never listen, or hardly read; and now and then the model's memory runs out. Then all of it is
killed, with runs that wait and runs that are painted, and started anew. What must be true: every run ends as it was
asked to, nothing is left over, everything that was said to be finished is there, what was asked for before the kill is
painted after it, and memory has stopped growing.
"""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from PIL import Image

from components.leftovers import MOST_TABS
from tests.soak.chaotic_studio import ChaoticStudio
from tests.soak.slow_stream import COMPLETED, SlowStream

DOES = {"waits": 5, "stops": 2, "breaks": 2, "never listens": 1, "hardly reads": 1}
"""What a stranger does, and how often."""
STEPS = (3, 8)
LEASE_S = 15.0
OOM_SHARE = 0.004
LOOK_S = 2.0
PATIENCE_S = 180.0
EARLY = 0.3
"""Of the runs that are stopped, how many are before their first preview."""
BUSY = ("waiting already", "under way", "Queue is full")
"""What a queue that is full answers: that is no fault."""


@dataclass
class Met:
    """What strangers have met. Lists and counters are only added to."""

    did: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    finished: list[str] = field(default_factory=list)
    """Ids of the runs that were said to be finished."""
    faults: list[str] = field(default_factory=list)
    """What should not have been."""


class Stranger:
    """One person with a link, over HTTP as the page does it, a new tab each time."""

    def __init__(self, studio: ChaoticStudio, seed: int, met: Met) -> None:
        self._studio, self._chance, self.met = studio, random.Random(seed), met
        self.client = httpx.Client(base_url=studio.url, timeout=60)
        assert self.client.get(f"/enter/{studio.ask('link')}").status_code == 303
        self.client.get("/")  # names this browser

    def moved(self, studio: ChaoticStudio) -> None:
        """The server was started anew: the same person, with the cookies there are."""
        self._studio, self.client.base_url = studio, httpx.URL(studio.url)

    def act(self) -> None:
        """One run and what becomes of it."""
        does = self._chance.choices(list(DOES), list(DOES.values()))[0]
        self.met.did[does] += 1
        tab = self.join(self._chance.randint(*STEPS))
        if not tab:
            return
        if does == "waits":
            self.told(does, self.read(tab))
        elif does == "stops":
            self.told(does, self.read(tab, self._chance.random()))
        elif does == "breaks":
            self._break_off(tab)
        elif does == "hardly reads":
            self._hardly_read(tab)

    def visit(self) -> None:
        """Open a tab and leave it: what Gradio keeps of it is as much as of any other."""
        self._stop(secrets.token_hex(5))

    def paint(self, steps: int = STEPS[0]) -> None:
        """One run, waited for."""
        if tab := self.join(steps):
            self.told("waits", self.read(tab))

    def join(self, steps: int, prompt: str = "a fox in the snow") -> str:
        """A tab in which a run is asked for; empty where that was refused."""
        said, tab = self._studio.told, secrets.token_hex(5)
        changed: dict[str, Any] = {"Prompt": prompt, "Steps": steps}
        data = [changed.get(label, value) for label, value in zip(said["labels"], said["values"], strict=True)]
        body = {"data": data, "fn_index": said["paint"], "session_hash": tab}
        answer = self.client.post("/gradio_api/queue/join", json=body)
        if answer.status_code == 200:
            return tab
        if not any(sentence in answer.text for sentence in BUSY):
            self.met.faults.append(f"refused: {answer.status_code} {answer.text[:200]}")
        self.met.ends["refused"] += 1
        return ""

    def read(self, tab: str, stop: float | None = None) -> str:
        """The last thing that a tab is told; stopped at a random moment before or after the first preview."""
        if stop is not None and stop < EARLY:
            self._stop(tab)
        with self.client.stream("GET", f"/gradio_api/queue/data?session_hash={tab}") as stream:
            for line in stream.iter_lines():
                if stop is not None and stop >= EARLY and "data:image/jpeg" in line:
                    self._stop(tab)
                    stop = None
                if COMPLETED in line:
                    return line
        return ""

    def told(self, does: str, last: str) -> None:
        """Note how it ended, and whether that is what was asked for."""
        stage = json.loads(last.removeprefix("data: "))["output"]["data"][0] if last else {}
        end, said = stage.get("state", "nothing"), stage.get("message", "")
        if end == "failed":
            end = "out of memory" if "lower the size or the batch size" in said else "failed"
            end = "refused" if any(sentence in said for sentence in BUSY) else end
        self.met.ends[end] += 1
        if end == "finished":
            self.met.finished.append(stage["run"])
        if end not in ("finished", "refused", "out of memory", *(["stopped"] if does == "stops" else [])):
            self.met.faults.append(f"{does}, and it ended as {end}: {said}")

    def _stop(self, tab: str) -> None:
        number, name = self._studio.told["stop"]
        body = {"data": [], "fn_index": number, "session_hash": tab}
        answer = self.client.post(f"/gradio_api/run/{name}", json=body)
        if answer.status_code != 200:
            self.met.faults.append(f"a stop was answered {answer.status_code}")

    def _break_off(self, tab: str) -> None:
        after = self._chance.randint(1, 6)
        with self.client.stream("GET", f"/gradio_api/queue/data?session_hash={tab}") as stream:
            for number, line in enumerate(stream.iter_lines()):
                if number >= after or COMPLETED in line:
                    return

    def _hardly_read(self, tab: str) -> None:
        slow = SlowStream(self._studio.url, self.client, tab)
        for _ in range(self._chance.randint(5, 30)):
            slow.read(256)
            time.sleep(0.1)
        self.told("hardly reads", slow.last())


@dataclass(frozen=True)
class Chaos:
    """What came of it."""

    met: Met
    memory_mb: list[float]
    """Every two seconds, from the first of them on."""
    left_over: dict[str, int]
    """What waits, is painted and is answered when everybody is gone."""
    lost: list[str]
    """Runs that were said to be finished and are not there."""
    not_taken_up: list[str]
    """Runs that were under way at the kill and were not painted after it."""
    taken_up: int
    answers_s: tuple[float, float]
    """From the kill to the page's answer, and how much of a processor the process had until then."""
    paints_s: tuple[float, float]
    """From the kill to the end of a picture that was asked for after it, and the same."""

    @property
    def grown(self) -> float:
        """Memory of the last third over that of the third before, as medians."""
        third = len(self.memory_mb) // 3
        return median(self.memory_mb[-third:]) / median(self.memory_mb[third : 2 * third]) - 1 if third else 0.0

    def __str__(self) -> str:
        third = max(len(self.memory_mb) // 3, 1)
        parts = [self.memory_mb[:third], self.memory_mb[third : 2 * third], self.memory_mb[2 * third :]]
        memory = ", ".join(f"{median(part):.0f}" for part in parts if part)
        return (
            f"{sum(self.met.did.values())} runs: {_listed(self.met.did)}\nended: {_listed(self.met.ends)}\n"
            f"faults {len(self.met.faults)}, lost {len(self.lost)} of {len(self.met.finished)}, "
            f"left over {self.left_over}\nmemory of the thirds, medians: {memory} MB; the last {self.grown:+.1%}\n"
            f"killed: the page answered after {_spent(self.answers_s)}, painted after {_spent(self.paints_s)}; "
            f"{self.taken_up} runs taken up, {len(self.not_taken_up)} not painted"
        )


def _spent(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:.1f} s ({seconds[1]:.1f} s of a processor)"


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.most_common())


def chaos(
    outputs: Path, seed: int, seconds: float, strangers: int = 6, lease_s: float = LEASE_S, tabs: int = 0
) -> Chaos:
    """Let them do what they do, kill, start anew. So many tabs are opened before."""
    met, memory, over = Met(), list[float](), threading.Event()
    studio = ChaoticStudio(outputs, seed, lease_s, OOM_SHARE)
    try:
        everybody = [Stranger(studio, seed * 1000 + number, met) for number in range(strangers)]
        for number in range(tabs):
            everybody[number % strangers].visit()
        until = time.monotonic() + seconds

        def act(stranger: Stranger) -> None:
            while time.monotonic() < until:
                stranger.act()

        def look() -> None:
            while not over.wait(LOOK_S):
                memory.append(studio.memory_mb())

        with ThreadPoolExecutor(strangers + 1) as pool:
            looking = pool.submit(look)
            acting = [pool.submit(act, stranger) for stranger in everybody]
            try:
                for one in acting:
                    one.result()
            finally:
                over.set()
            looking.result()
        left_over = _settled(studio, lease_s)
        under_way = _under_way(everybody, outputs)
    finally:
        studio.kill()
    began = time.monotonic()
    again = ChaoticStudio(outputs, seed, lease_s, 0.0)
    try:
        answers_s, paints_s = _comes_back(again, everybody, began)
        not_painted = _not_painted(outputs, again.told["taken"])
        not_taken_up = [*(under_way - set(again.told["taken"]) - _made(outputs)), *not_painted]
    finally:
        again.kill()
    lost = sorted(set(met.finished) - _made(outputs))
    return Chaos(met, memory, left_over, lost, not_taken_up, len(again.told["taken"]), answers_s, paints_s)


def _settled(studio: ChaoticStudio, lease_s: float) -> dict[str, int]:
    """What there is when everybody is gone and leases are over: nothing, before long."""
    until = time.monotonic() + lease_s + PATIENCE_S
    while True:
        state: dict[str, int] = studio.ask("state")
        busy = {name: state[name] for name in ("waiting", "painted", "events")}
        if not any(busy.values()) or time.monotonic() > until:
            return busy
        time.sleep(0.5)


def _under_way(everybody: list[Stranger], outputs: Path) -> set[str]:
    """Have everybody ask for something long, and wait until it is written down: ids of the runs."""
    for stranger in everybody:
        assert stranger.join(20, "an owl at night")
    until = time.monotonic() + PATIENCE_S
    while len(found := {file.stem for file in (outputs / ".queue").glob("*.json")}) < len(everybody):
        assert time.monotonic() < until, "what was asked for was not written down"
        time.sleep(0.05)
    return found


def _comes_back(again: ChaoticStudio, everybody: list[Stranger], began: float) -> list[tuple[float, float]]:
    """Seconds from then until the page answers, and until it has painted for somebody; of a processor, too."""
    for stranger in everybody:
        stranger.moved(again)
    first = everybody[0]
    assert first.client.get("/").status_code == 200, "whoever had a link has it still"
    answers = time.monotonic() - began, again.cpu_s()
    first.paint()
    return [answers, (time.monotonic() - began, again.cpu_s())]


def _not_painted(outputs: Path, taken: list[str]) -> list[str]:
    """Which of the runs taken up are not in the history, and do not come to it."""
    until = time.monotonic() + PATIENCE_S
    while (left := sorted(set(taken) - _made(outputs))) and time.monotonic() < until:
        time.sleep(0.5)
    return left


def _made(outputs: Path) -> set[str]:
    """Runs with a picture in the history and on disk, whole."""
    history = sqlite3.connect(f"file:{outputs / 'history.sqlite'}?mode=ro", uri=True)
    try:
        rows = history.execute("SELECT run, path FROM pictures").fetchall()
    finally:
        history.close()
    return {run for run, path in rows if _is_whole(outputs / path)}


def _is_whole(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            picture.load()
    except OSError:
        return False
    return True


def main() -> None:
    """Print what came of it."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as folder:
        found = chaos(Path(folder), seed, minutes * 60, tabs=MOST_TABS)
        print(found)
        print(*found.met.faults[:10], sep="\n")
        print("memory, MB, every 20 s:", *(round(each) for each in found.memory_mb[::10]))


if __name__ == "__main__":
    main()
