"""Stops in a race with new runs: ``python -m tests.soak.cancels [RACES]``.

Several people ask for runs and stop some of them, at moments that chance chooses: while they wait, when they begin,
in the middle, at their end. A run may end as stopped only if it was stopped, and one that was not must be finished.
How long a stop takes is counted from the call to the last event, and compared with the step that was being computed.
"""

from __future__ import annotations

import dataclasses
import random
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from studio import GenerationRequest, Run, Settings, Studio
from studio.events import Cancelled, Finished
from studio.sharing.budget import Allowance

PEOPLE = 4
LONGEST_S = 0.5
STEPS = (2, 12)


@dataclass(frozen=True)
class Race:
    """One run, and perhaps its stop."""

    run: Run
    stopped: bool
    after_s: float
    """From the stop to the end; 0 without one."""

    @property
    def fault(self) -> str:
        """What should not have been; empty if all is well."""
        end = type(self.run.last_event)
        right = (Cancelled, Finished) if self.stopped else (Finished,)
        return "" if end in right else f"{self.run.id} {'stopped' if self.stopped else 'not stopped'}: {end.__name__}"


def races(studio: Studio, count: int, seed: int, request: GenerationRequest) -> list[Race]:
    """So many runs of several people at once, about half of them stopped."""
    done, lock, left = list[Race](), threading.Lock(), iter(range(count))

    def person(name: str) -> None:
        chance = random.Random(f"{seed} {name}")
        while True:
            with lock:
                number = next(left, None)
            if number is None:
                return
            steps = chance.randint(*STEPS)
            run = studio.submit(dataclasses.replace(request, steps=steps, seed=number), name)
            done.append(_ended(run, chance))

    with ThreadPoolExecutor(PEOPLE) as pool:
        for one in [pool.submit(person, f"user-{number}") for number in range(PEOPLE)]:
            one.result()
    return done


def _ended(run: Run, chance: random.Random) -> Race:
    stop = chance.random() < 0.5
    if stop:
        time.sleep(chance.uniform(0, LONGEST_S))
        run.cancel()
    began = time.monotonic()
    for _ in run:
        pass
    return Race(run, stop, time.monotonic() - began if stop else 0.0)


def main() -> None:
    """Print how long stops took, and what went wrong."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with (
        tempfile.TemporaryDirectory() as folder,
        Studio(Settings(outputs=Path(folder), device="cpu", memory_mb=16)) as studio,
    ):
        studio.sharing.grant(Allowance(waiting=0, work_a_day=0))
        request = GenerationRequest(prompt="a fox in the snow")
        races(studio, 20, 0, request)  # warms up
        slowest, over = list[float](), threading.Event()

        def look() -> None:
            while not over.wait(0.5):
                slowest.append(studio.status.state.step_s * PEOPLE)

        looking = threading.Thread(target=look)
        looking.start()
        done = races(studio, count, 1, request)
        over.set()
        looking.join()
    spent = [race.after_s for race in done if race.stopped and isinstance(race.run.last_event, Cancelled)]
    print(f"{len(done)} runs, {sum(race.stopped for race in done)} stops, {len(spent)} of them in time")
    print(f"ended after a median of {median(spent) * 1000:.0f} ms, p99 {quantiles(spent, n=100)[-1] * 1000:.0f} ms")
    print(f"a joined step took a median of {median(slowest) * 1000:.0f} ms, at most {max(slowest) * 1000:.0f} ms")
    faults = [race.fault for race in done if race.fault]
    print(f"{len(faults)} wrong ends", *faults[:5])


if __name__ == "__main__":
    main()
