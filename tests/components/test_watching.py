"""What watchers are sent: every step, encoded once for all of them, and nothing of the words."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from components import watching
from components.stage import View
from components.watching import Watched
from studio import GenerationRequest, Run
from studio.events import Cancelled, Event, Failed, Finished, Paused, Queued, Started, Step
from studio.request import ControlUnit

WATCHERS, STEPS = 200, 12


def step(run: Run, index: int) -> Step:
    return Step(
        run=run.id,
        index=index,
        total=STEPS,
        sigma=9.0 - index / 2,
        timestep=1.0,
        elapsed_s=0.5,
        left_s=0.5,
        preview=b"jpeg%d" % index,
    )


async def watched_by_many(run: Run) -> list[list[bytes]]:
    watched = Watched(run)

    async def watch() -> list[bytes]:
        return [patch async for patch in watched.read()]

    everybody = [asyncio.create_task(watch()) for _ in range(WATCHERS)]
    for index in range(STEPS):
        run.post(step(run, index))
        await asyncio.sleep(0)
    run.post(Cancelled(run=run.id, steps_done=STEPS))
    return [*await asyncio.gather(*everybody), await watch()]


def test_each_event_is_encoded_once_however_many_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Event] = []
    patch = watching._patch

    def counted(view: View, event: Event) -> bytes:
        encoded.append(event)
        return patch(view, event)

    monkeypatch.setattr(watching, "_patch", counted)
    run = Run(GenerationRequest(prompt="[secret:words:0.5]", steps=STEPS), "user-ada")
    run.post(Queued(run=run.id, ahead=0))
    run.post(Started(run=run.id, steps=STEPS, evaluations=STEPS))
    with ThreadPoolExecutor(1) as apart:  # a browser test before this one leaves its loop running in this thread
        *everybody, late = apart.submit(asyncio.run, watched_by_many(run)).result()
    assert len(encoded) == STEPS + 3
    for seen in everybody:
        sent = b"".join(seen)
        assert sent.count(b'"step":') == STEPS
        assert sent.count(b'"over":true') == 1
        assert b"secret" not in sent
        assert b"words" not in sent
    assert b'"step":' not in b"".join(late)
    assert b'"over":true' in b"".join(late)


async def told(run: Run, is_good: bool = True) -> dict[str, Any]:
    """All that a watcher is told of a run that has ended, together."""
    value: dict[str, Any] = {}
    async for patch in watching._while_good(Watched(run), lambda: is_good):
        for line in patch.decode().split("\n\n"):
            value |= json.loads(line.removeprefix("data: ")) if line else {}
    return value


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (
            Finished(run="r", elapsed_s=2.0, notes=("3 of 8 parts of the LoRA 'ink' found no place",)),
            "painted in 2.0 s",
        ),
        (Failed(run="r", code="failed", sentence="The LoRA 'ink' does not fit"), "It could not be painted."),
        (Paused(run="r", steps_done=3), "It was put aside for now."),
    ],
)
def test_neither_what_went_wrong_nor_what_it_is_painted_with_is_told(end: Event, said: str) -> None:
    control = (ControlUnit(model="my-lines", image="lines.png"),)
    run = Run(GenerationRequest(prompt="a cat <lora:ink>", control=control, steps=STEPS), "user-ada")
    run.evaluations = STEPS
    run.post(Started(run=run.id, steps=STEPS, evaluations=STEPS))
    run.post(end)
    with ThreadPoolExecutor(1) as apart:
        value = apart.submit(asyncio.run, told(run)).result()
    assert value["message"] == said
    assert "ink" not in json.dumps(value)
    assert [led["name"] for led in value["led"]] == ["a ControlNet"]


def test_the_end_of_sharing_ends_what_is_shown_too() -> None:
    run = Run(GenerationRequest(steps=STEPS), "user-ada")
    run.post(Started(run=run.id, steps=STEPS, evaluations=STEPS))
    with ThreadPoolExecutor(1) as apart:
        value = apart.submit(asyncio.run, told(run, is_good=False)).result()
    assert (value["state"], value["over"], value["message"]) == ("stopped", True, "This is not shared any more.")
