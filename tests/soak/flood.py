"""A flood over HTTP: ``python -m tests.soak.flood [REQUESTS] [AT_ONCE]``.

A studio in a process of its own is asked for so many pictures by people whose programs send the next one as soon as
the one before is answered; nobody of them listens. Before it, while it lasts and after it somebody else paints.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from tests.soak.chaos import Met, Stranger
from tests.soak.chaotic_studio import ChaoticStudio

PEOPLE = 20
STEPS = 20


@dataclass(frozen=True)
class Answer:
    """To one request."""

    person: int
    status: int
    sentence: str
    after_s: float


@dataclass(frozen=True)
class Flood:
    """What came of it."""

    answers: list[Answer]
    longest_queue: int
    """The most runs that were ever seen to wait."""
    beside: Counter[str]
    """How the pictures ended of somebody who painted meanwhile."""
    times: dict[str, list[float]]
    """Milliseconds, from within the server: what refusals took it, and how late its loop was."""

    @property
    def refused(self) -> list[Answer]:
        """Answers that say no."""
        return [answer for answer in self.answers if answer.status != 200]

    @property
    def taken(self) -> Counter[int]:
        """How many requests of each person were taken."""
        return Counter(answer.person for answer in self.answers if answer.status == 200)

    def __str__(self) -> str:
        spent = [answer.after_s * 1000 for answer in self.refused]
        said = Counter(f"{answer.status} {answer.sentence}" for answer in self.refused)
        return (
            f"{len(self.answers)} requests: {sum(self.taken.values())} taken, {max(self.taken.values())} of one person "
            f"at most; the longest queue {self.longest_queue}\n"
            f"refused after {_spread(spent)}\n"
            f"of that within the server {_spread(self.times['refusals'])}\n"
            f"its loop's turns came late by {_spread(self.times['late'])}\n"
            + "\n".join(f"{count:5} {sentence}" for sentence, count in said.most_common(6))
            + f"\nsomebody beside them: {dict(self.beside)}"
        )


def _spread(spent: list[float]) -> str:
    hundredths = quantiles(spent, n=100)
    return (
        f"a median of {median(spent):.0f} ms, p95 {hundredths[94]:.0f} ms, p99 {hundredths[98]:.0f} ms, at most "
        f"{max(spent):.0f} ms"
    )


def body(told: dict[str, Any], steps: int = STEPS) -> dict[str, Any]:
    """What the page sends to have a picture painted, from a tab nobody has heard of."""
    changed: dict[str, Any] = {"Prompt": "a flood", "Steps": steps}
    data = [changed.get(label, value) for label, value in zip(told["labels"], told["values"], strict=True)]
    return {"data": data, "fn_index": told["paint"], "session_hash": secrets.token_hex(5)}


async def flood(studio: ChaoticStudio, people: list[Stranger], requests: int, at_once: int) -> Flood:
    """Let the people ask, while one more of them paints."""
    beside, crowd = people[0], people[1:]
    numbers: Iterator[int] = iter(range(requests))
    answers, longest, over = list[Answer](), 0, asyncio.Event()

    async def ask() -> None:
        async with httpx.AsyncClient(base_url=studio.url, timeout=60) as client:
            for number in numbers:
                person = number % len(crowd)
                client.cookies = crowd[person].client.cookies
                began = time.perf_counter()
                said = await client.post("/gradio_api/queue/join", json=body(studio.told))
                after_s, told = time.perf_counter() - began, said.json()
                answers.append(Answer(person, said.status_code, str(told.get("error", "")), after_s))

    async def look() -> None:
        nonlocal longest
        while not over.is_set():
            longest = max(longest, (await asyncio.to_thread(studio.ask, "state"))["waiting"])
            await asyncio.sleep(0.1)

    async def paint() -> None:
        while not over.is_set():
            await asyncio.to_thread(beside.paint)

    meanwhile = [asyncio.create_task(look()), asyncio.create_task(paint())]
    await asyncio.gather(*(ask() for _ in range(at_once)))
    over.set()
    await asyncio.gather(*meanwhile)
    return Flood(answers, longest, beside.met.ends, studio.ask("times"))


def flooded(outputs: Path, requests: int, at_once: int, lease_s: float = 15.0) -> Flood:
    """A flood, from a studio's start to its end."""
    studio = ChaoticStudio(outputs, 1, lease_s, 0.0)
    try:
        people = [Stranger(studio, number, Met()) for number in range(PEOPLE + 1)]
        people[0].paint()
        return asyncio.run(flood(studio, people, requests, at_once))
    finally:
        studio.kill()


def main() -> None:
    """Print what came of it."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    at_once = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    with tempfile.TemporaryDirectory() as folder:
        print(flooded(Path(folder), requests, at_once))


if __name__ == "__main__":
    main()
