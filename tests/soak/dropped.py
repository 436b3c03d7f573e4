"""Readers who go away: ``python -m tests.soak.dropped [CONNECTIONS]``.

Each joins a run of many steps over HTTP, hears of its first step and breaks the connection, one after another. The
last joins and never listens.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

from studio import Run
from studio.events import Event, Step
from tests.components.serving import Serving
from tests.soak.slow_stream import SlowReader

STEPS = 150
LONGEST_S = 60.0


@dataclass(frozen=True)
class Left:
    """A run whose reader went away."""

    run: Run
    end: Event
    after_s: float
    """From then to the run's end."""


class Painted:
    """Runs as they are asked for."""

    def __init__(self, serving: Serving) -> None:
        self._runs: Queue[Run] = Queue()
        submit = serving.studio.submit

        def noted(*arguments: Any, **options: Any) -> Run:
            run = submit(*arguments, **options)
            self._runs.put(run)
            return run

        vars(serving.studio)["submit"] = noted

    def next(self) -> Run:
        """The next one."""
        return self._runs.get(timeout=LONGEST_S)


def leave(serving: Serving, painted: Painted) -> Left:
    """Join, hear of the first step, and break the connection."""
    reader = SlowReader(serving, STEPS)
    run = painted.next()
    for event in run:
        if isinstance(event, Step):
            break
    reader.read()
    reader.socket.close()
    return _until_its_end(run)


def never_listen(serving: Serving, painted: Painted) -> Left:
    """Join, and do not ask for the answer."""
    tab = serving.artist()
    body = {
        "data": tab.values("paint", Prompt="a cat nobody looks at", Steps=STEPS),
        "fn_index": tab.event("paint")._id,
        "session_hash": tab.session,
    }
    assert tab.client.post("/gradio_api/queue/join", json=body).status_code == 200
    return _until_its_end(painted.next())


def _until_its_end(run: Run) -> Left:
    began = time.monotonic()
    *_, end = run
    return Left(run, end, time.monotonic() - began)


def main() -> None:
    """Print how long the engine was busy with what nobody looked at."""
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        serving = Serving(Path(folder), behind_proxy=True)
        stack.callback(serving.close)
        painted = Painted(serving)
        left = [leave(serving, painted) for _ in range(connections)]
        spent = sorted(each.after_s for each in left)
        ends = {type(each.end).__name__ for each in left}
        print(f"{connections} broken connections: ended as {', '.join(ends)}, after a median of")
        print(f"{statistics.median(spent):.2f} s, at most {spent[-1]:.2f} s")
        deaf = never_listen(serving, painted)
        print(f"joined and never listened to: {type(deaf.end).__name__} after {deaf.after_s:.1f} s")


if __name__ == "__main__":
    main()
