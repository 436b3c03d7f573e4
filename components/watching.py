"""A run that is watched by a link: its stage without its actions, fed by one stream for everybody.

What is sent is encoded once, however many watch. Prompt, seed, notes and the picture it starts
from are not sent.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from components.access import VISITOR, WATCH, Visitor
from components.plain import document, sentence
from components.stage import ASSETS, View
from studio import Run, Studio
from studio.events import Event, Failed, Finished
from studio.sharing.links import Link

LOOK_S = 0.4
"""How often a watched run is looked at, once for all its watchers: what they are sent costs the
process time, and is sent in fewer, larger pieces so."""
ALIVE_S = 15.0
DEVELOP_S = 2.0
MOST_WATCHED = 64
GONE = "This run is not here any more."
ENDED = "This is not shared any more."
FAILED = "It could not be painted."
PAUSED = "It was put aside for now."
UNBUFFERED = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}


class Watched:
    """One run's patches, as bytes of an event stream; each watcher reads them at their own pace."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._patches: list[bytes] = [_sent(_numbers(run))]
        self._changed = asyncio.Event()
        self._ended = False
        self._task = asyncio.create_task(self._follow())

    async def read(self) -> AsyncIterator[bytes]:
        """Every patch from the first on, as soon as it is there; ends with the run."""
        position = 0
        while True:
            changed = self._changed
            fresh, position = self._patches[position:], len(self._patches)
            if fresh:
                yield b"".join(fresh)
            elif self._ended:
                return
            else:
                try:
                    await asyncio.wait_for(changed.wait(), ALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"

    async def _follow(self) -> None:
        view, position = View(self._run.request), 0
        while not (self._run.ended and position and not self._run.events_after(position, 0)):
            events = self._run.events_after(position, 0)
            position += len(events)
            if events:
                self._tell(b"".join(_patch(view, _discreet(event)) for event in events))
            await asyncio.sleep(LOOK_S)
        last = await run_in_threadpool(self._whole)
        self._patches[1:] = [b""] * (len(self._patches) - 1)  # who comes later needs nothing else
        self._ended = True
        self._tell(_sent(last))

    def _whole(self) -> dict[str, Any]:
        """All of a run that has ended, decoded once for everybody."""
        view = View.of(self._run)
        for _ in view.developed(self._run, DEVELOP_S):
            pass
        if self._run.last_event is not None:
            view.take([_discreet(self._run.last_event)])
        return _public(view.value) | {"steps": [_wordless(step) for step in view.value["steps"]], "over": True}

    def _tell(self, patch: bytes) -> None:
        self._patches.append(patch)
        self._changed.set()
        self._changed = asyncio.Event()


def routes(studio: Studio) -> list[Route]:
    """A page and its stream. The gate has seen to it that the link is the visitor's."""
    watched: OrderedDict[str, Watched] = OrderedDict()

    def link_of(request: Request) -> Link:
        visitor = request.scope[VISITOR]
        assert isinstance(visitor, Visitor)
        assert visitor.link is not None
        return visitor.link

    async def page(request: Request) -> Response:
        link = link_of(request)
        return watch_page() if studio.runs.find(link.run, link.person) else sentence(404, GONE)

    async def events(request: Request) -> Response:
        link = link_of(request)
        run = studio.runs.find(link.run, link.person)
        if run is None:
            return sentence(404, GONE)
        if run.id not in watched:
            watched[run.id] = Watched(run)
        watched.move_to_end(run.id)
        while len(watched) > MOST_WATCHED:
            watched.popitem(last=False)
        token = request.cookies[WATCH + link.id]
        stream = _while_good(watched[run.id], lambda: studio.sharing.links.find(token) is not None)
        return StreamingResponse(stream, media_type="text/event-stream", headers=UNBUFFERED)

    return [Route("/watch/{link}/", page), Route("/watch/{link}/events", events)]


def watch_page() -> Response:
    """The stage, with only looking left."""
    stage, drawing, script = ((ASSETS / name).read_text("utf-8") for name in ("stage.html", "stage.js", "watch.js"))
    said = "You are watching a picture come out of noise."
    body = (
        f'<header class="sw-header"><h1>step<b>wise</b></h1><p>{said}</p></header>'
        f'<main class="sw-watch"><div id="stage">{stage}</div><dl class="sw-facts"></dl></main>'
    )
    return document("Stepwise: watching", body, script.replace("/* stage.js */", drawing))


async def _while_good(watched: Watched, is_good: Callable[[], bool]) -> AsyncIterator[bytes]:
    async for patch in watched.read():
        if not is_good():
            yield _sent({"over": True, "state": "stopped", "message": ENDED, "left": 0})
            return
        yield patch


def _patch(view: View, event: Event) -> bytes:
    before = len(view.value["steps"])
    value = view.take([event])
    step = _wordless(value["steps"][-1]) if len(value["steps"]) > before else None
    return _sent(_public(value) | ({"step": step} if step else {}))


def _wordless(step: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in step.items() if name != "words"}


def _discreet(event: Event) -> Event:
    """An event without what would name the LoRAs, or tell what went wrong inside."""
    match event:
        case Finished():
            return replace(event, notes=())
        case Failed():
            return replace(event, sentence=FAILED)
    return event


def _public(value: dict[str, Any]) -> dict[str, Any]:
    hidden = {"steps", "forward", "session", "run"}
    told = {name: each for name, each in value.items() if name not in hidden}
    told["led"] = [led | {"name": "a ControlNet"} for led in value["led"]]
    return told | ({"message": PAUSED} if value["state"] == "paused" else {})


def _numbers(run: Run) -> dict[str, Any]:
    """What may be known of how it is painted."""
    request = run.request
    facts = {
        "Sampler": request.sampler,
        "Schedule": request.schedule,
        "Steps": str(request.steps),
        "CFG": f"{request.cfg_scale:g}",
        "Size": f"{request.width} × {request.height}",
    }
    return {"reset": True, "facts": facts}


def _sent(patch: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(patch, separators=(",", ":")).encode() + b"\n\n"
