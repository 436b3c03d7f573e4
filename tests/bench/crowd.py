"""Several artists at once, beside the same jobs one after another: ``python -m tests.bench.crowd``."""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

from studio import GenerationRequest, Run, Settings, Studio
from studio.events import Step

CROWDS = (1, 2, 4, 8)
EACH = 3
"""Pictures that every artist paints, one after another."""
STEPS = 24


class Artist:
    """Paints one picture after another, and notes when each first shows itself."""

    def __init__(self, studio: Studio, name: str) -> None:
        self.studio, self.name = studio, name
        self.first_s: list[float] = []
        self.steps: list[float] = []
        """When each step was done."""

    def paint(self) -> None:
        """All pictures."""
        for number in range(EACH):
            asked = time.perf_counter()
            run = self.studio.submit(request(number), self.name)
            for event in run:
                if isinstance(event, Step):
                    self.steps.append(time.perf_counter())
                    if event.index == 0:
                        self.first_s.append(self.steps[-1] - asked)


def request(number: int) -> GenerationRequest:
    return GenerationRequest(prompt="a cat on a rainy street at night", steps=STEPS, seed=number)


def at_once(studio: Studio, count: int) -> dict[str, object]:
    """That many artists at once."""
    artists = [Artist(studio, f"user-{number}") for number in range(count)]
    threads = [threading.Thread(target=artist.paint) for artist in artists]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    firsts = sorted(first for artist in artists for first in artist.first_s)
    # Shares are compared while everybody paints: until the first of them is through.
    until = min(artist.steps[-1] for artist in artists)
    shares = [sum(step <= until for step in artist.steps) for artist in artists]
    return {
        "steps a second": round(count * EACH * STEPS / took, 1),
        "first preview, median s": round(statistics.median(firsts), 3),
        "first preview, p95 s": round(firsts[min(len(firsts) - 1, int(0.95 * len(firsts)))], 3),
        "largest share / smallest": round(max(shares) / max(min(shares), 1), 2),
        "seconds": round(took, 2),
    }


def in_turn(studio: Studio, count: int) -> float:
    """Seconds for the same jobs one after another."""
    began = time.perf_counter()
    for _ in range(count):
        for number in range(EACH):
            run: Run = studio.submit(request(number))
            assert run.result.paths
    return time.perf_counter() - began


def main() -> None:
    """One table, as JSON."""
    with tempfile.TemporaryDirectory() as folder, Studio(Settings(outputs=Path(folder), device="cpu")) as studio:
        assert studio.submit(request(0)).result.paths
        for count in CROWDS:
            found = at_once(studio, count)
            alone = in_turn(studio, count)
            found["at once / one after another"] = round(float(str(found["seconds"])) / alone, 2)
            print(json.dumps({"artists": count} | found), flush=True)


if __name__ == "__main__":
    main()
