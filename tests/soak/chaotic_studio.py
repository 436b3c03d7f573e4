"""The real studio and its page in a process of their own, whose memory runs out now and then, and that can be killed.

``python -m tests.soak.chaotic_studio OUTPUTS SEED LEASE_S OOM_SHARE`` is the child; ``ChaoticStudio`` starts one.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from starlette.types import Message, Receive, Scope, Send

from components.events import Events
from components.page import build, launch
from studio import Settings, Studio
from studio.sharing.budget import Allowance
from studio.sharing.links import DAY_S
from studio.sharing.roles import Role
from tests.components.serving import first
from tests.soak.slow_stream import narrow

ROOT = Path(__file__).parent.parent.parent
SAYS = "chaos "
KEPT_MB, KEPT_RUNS = 8, 16
"""Little, so that memory is as full as it gets within a minute or two."""
LOOK_S = 0.02
"""How often the server's loop is asked for a turn."""
REFUSED = 429


class ChaoticStudio:
    """A child, and what it says of itself."""

    def __init__(self, outputs: Path, seed: int, lease_s: float, oom_share: float) -> None:
        arguments = [str(outputs), str(seed), str(lease_s), str(oom_share)]
        command = [sys.executable, "-W", "ignore", "-m", "tests.soak.chaotic_studio", *arguments]
        self.log = outputs / "chaos.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.told: dict[str, Any] = self._answer()
        self.url: str = self.told["url"]

    def ask(self, word: str) -> Any:
        """``link``: a new link's token. ``state``: what waits, is painted and is kept. ``times``: milliseconds that
        refusals took in the server, and how late the turns of its loop came."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return self._answer()

    def memory_mb(self) -> float:
        """What the process holds in memory."""
        return float(psutil.Process(self._process.pid).memory_info().rss / 2**20)

    def cpu_s(self) -> float:
        """How much of a processor it had so far: on a busy machine less than has passed."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def kill(self) -> None:
        """As a machine does that loses its power, as far as a process can tell."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(SAYS):
                return json.loads(line.removeprefix(SAYS))
        raise AssertionError(f"the studio is gone:\n{self.log.read_text()[-2000:]}")


def child(outputs: Path, seed: int, lease_s: float, oom_share: float) -> None:
    """Serve, and answer on standard output what is asked on standard input."""
    import components.bindings

    components.bindings.LEASE_S = lease_s
    times = Times()
    settings = Settings(
        outputs=outputs, port=0, device="cpu", behind_proxy=True, memory_mb=KEPT_MB, most_runs=KEPT_RUNS
    )
    studio = Studio(settings)
    studio.sharing.grant(Allowance(work_a_day=0))
    taken = [run.id for run in studio.take_up()]
    page = build(studio)
    _, url, _ = launch(page, studio, prevent_thread_lock=True, quiet=True)
    narrow(page)
    paint = next(event for event in page.fns.values() if event.name == "paint")
    stop = next(event for event in page.fns.values() if event.name == "stop")
    labels = [widget.label for widget in paint.inputs]
    values = [first(widget) for widget in paint.inputs]
    _say({"url": url, "paint": paint._id, "stop": [stop._id, stop.api_name], "labels": labels, "values": values}
         | {"taken": taken})  # fmt: skip
    if oom_share:
        _run_out_of_memory(studio, random.Random(seed), oom_share)
    answers: dict[str, Callable[[], Any]] = {
        "link": lambda: studio.sharing.links.make(Role.ARTIST, DAY_S)[0],
        "state": lambda: _state(studio, page),
        "times": times.told,
    }
    for line in sys.stdin:
        _say(answers[line.strip()]())


class Times:
    """What the server itself takes for a refusal, from when it has heard of the request to when it has answered, and
    how late its loop is; seen from within, where no client has a part in it."""

    def __init__(self) -> None:
        self._refusals_ms, self._late_ms = list[float](), list[float]()
        self._looking: asyncio.Task[None] | None = None
        answer = Events.__call__

        async def timed(events: Events, scope: Scope, receive: Receive, send: Send) -> None:
            self._looking = self._looking or asyncio.create_task(self._look())
            began, refused = time.perf_counter(), False

            async def noted(message: Message) -> None:
                nonlocal refused
                refused = refused or message.get("status") == REFUSED
                await send(message)

            await answer(events, scope, receive, noted)
            if refused:
                self._refusals_ms.append((time.perf_counter() - began) * 1000)

        Events.__call__ = timed  # type: ignore[method-assign, assignment]

    def told(self) -> dict[str, list[float]]:
        """Both so far, in milliseconds."""
        return {"refusals": [*self._refusals_ms], "late": [*self._late_ms]}

    async def _look(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(LOOK_S)
            self._late_ms.append((time.perf_counter() - began - LOOK_S) * 1000)


def _run_out_of_memory(studio: Studio, chance: random.Random, share: float) -> None:
    """Every forward may be the one for which the memory is not enough."""
    while studio.engine is None:
        time.sleep(0.05)
    import torch

    from studio.models.loader import LoadedModel

    compute = LoadedModel.compute

    def short_of_memory(*arguments: Any) -> Any:
        if chance.random() < share:
            raise torch.OutOfMemoryError("not enough memory: injected")
        return compute(*arguments)

    LoadedModel.compute = short_of_memory  # type: ignore[method-assign, assignment]


def _state(studio: Studio, page: Any) -> dict[str, int]:
    queue = page._queue
    return {
        "waiting": len(studio.waiting),
        "painted": len(studio.engine.runs) if studio.engine else 0,
        "kept": studio.runs.gauge.runs,
        "events": len(queue.event_ids_to_events),
        "tabs": len(page.state_holder.session_data),
    }


def _say(what: Any) -> None:
    print(SAYS + json.dumps(what), flush=True)


if __name__ == "__main__":
    child(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
