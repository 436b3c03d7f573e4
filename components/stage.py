"""The stage: the picture as it becomes, the line that says where it is, the strip of its steps.

The component's value is the whole view as JSON; ``assets/page/stage.js`` draws it and keeps
what is only looking: which step is shown and how, whether the strip plays, what it is compared with.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from components import served
from studio.contact_sheet import grid
from studio.events import Cancelled, Event, Failed, Finished, Paused, Produced, Queued, Started, Step
from studio.request import GenerationRequest
from studio.run import Run
from studio.timeline.words import are_scheduled, words_in_force

ASSETS = Path(__file__).parent.parent / "assets" / "page"
DEVELOPED_AT_ONCE = 4
IDLE: dict[str, Any] = {"run": "", "state": "idle", "message": "", "steps": [], "total": 0, "kept": 0}
IDLE |= {"forward": [], "session": "", "led": [], "kind": "", "clips": []}
ENDED = {Finished: "finished", Failed: "failed", Cancelled: "stopped", Paused: "paused"}


def build(functions: list[Callable[..., Any]]) -> Any:
    """The component, in the layout that is open; its script can call ``functions``."""
    return gr.HTML(
        IDLE,
        html_template=(ASSETS / "stage.html").read_text(encoding="utf-8"),
        js_on_load=(ASSETS / "stage.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="stage",
        padding=False,
        server_functions=functions,
    )


def data_uri(jpeg: bytes) -> str:
    """A JPEG as something an ``<img>`` takes."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def newest(events: Iterable[Event]) -> list[Event]:
    """Events without the pictures of the steps before the last: those can be asked for."""
    told = list(events)
    last = max((at for at, event in enumerate(told) if isinstance(event, Step)), default=0)
    return [replace(e, preview=None) if isinstance(e, Step) and at < last else e for at, e in enumerate(told)]


class View:
    """Turns a run's events into the stage's value, one after another."""

    def __init__(self, request: GenerationRequest, session: str = "") -> None:
        columns, rows = grid(request.batch_size)
        self._request, self._scheduled = request, are_scheduled(request)
        self.value: dict[str, Any] = IDLE | {
            "state": "queued",
            "message": "waiting for its turn",
            "session": session,
            "steps": [],
            "ratio": request.width * columns / (request.height * rows),
            "kind": "film" if request.frames > 1 else "sound" if request.seconds else "",
        }

    @classmethod
    def of(cls, run: Run, session: str = "") -> View:
        """The view of a run that has ended, from its kept steps."""
        view = cls(run.request, session)
        steps = [view.entry(at, step.sigma, step.draft) for at, step in enumerate(run.steps)]
        end = run.last_event
        view.value |= {
            "run": run.id,
            "steps": steps,
            "total": max(run.evaluations, len(steps)),
            "kept": run.kept,
            "left": 0,
            "led": _led(run.request, max(run.evaluations, len(steps))),
            "clips": view._served(run.clips),
            **(view._change(end) if end is not None else {}),
        }
        view.begin(run)
        return view

    def take(self, events: Iterable[Event]) -> dict[str, Any]:
        """The view after these events."""
        for event in events:
            self.value = self.value | {"run": event.run} | self._change(event)
        return self.value

    def developed(self, run: Run, budget_s: float) -> Iterator[dict[str, Any]]:
        """Views in which the previews of a run that has ended give way to real decodes: first
        those of steps that were passed too fast for a preview, all of them, then the others
        while the budget lasts, the last step first."""
        began = time.monotonic()
        steps, entries = run.steps, list(self.value["steps"])
        for index in sorted(range(len(entries)), key=lambda index: (bool(entries[index]["src"]), -index)):
            late = time.monotonic() - began > budget_s
            if late and entries[index]["src"]:
                break
            entries[index] = entries[index] | {"src": data_uri(steps[index].preview), "full": True}
            if index % DEVELOPED_AT_ONCE == 0:
                self.value = self.value | {"steps": list(entries)}
                yield self.value
        self.value = self.value | {"steps": entries}
        yield self.value

    def begin(self, run: Run) -> None:
        """Put the forward process before the steps of a run that starts from a picture."""
        if run.forward is not None and not self.value["forward"]:
            frames = run.forward.steps
            self.value = self.value | {
                "forward": [{"sigma": round(frame.sigma, 4), "src": data_uri(frame.preview)} for frame in frames]
            }

    def entry(self, index: int, sigma: float, preview: bytes | None) -> dict[str, Any]:
        """One step of the strip."""
        entry: dict[str, Any] = {"sigma": round(sigma, 4), "src": data_uri(preview) if preview else ""}
        if self._scheduled:
            entry["words"] = words_in_force(self._request, index)[0]
        return entry

    def _served(self, clips: Iterable[Path]) -> list[str]:
        """Where films and sounds are for whoever may have them: not for those who only watch."""
        return [served.address(clip) for clip in clips if self.value["session"] and clip.exists()]

    def _change(self, event: Event) -> dict[str, Any]:
        match event:
            case Queued(ahead=ahead, wait_s=wait_s):
                place = f"{ahead} before it in the queue" if ahead else "its turn is next"
                return {"message": place + ("" if wait_s is None else f", in about {_duration(wait_s)}")}
            case Started():
                led = _led(self._request, event.evaluations)
                return {"state": "painting", "message": "", "total": event.evaluations, "kept": event.kept, "led": led}
            case Step():
                return {
                    "steps": [*self.value["steps"], self.entry(event.index, event.sigma, event.preview)],
                    "elapsed": round(event.elapsed_s, 1),
                    "left": round(event.left_s, 1),
                }
            case Produced(clip=clip):
                return {"clips": [*self.value["clips"], *self._served([clip] if clip else [])]}
        return {"state": ENDED[type(event)], "message": _said(event), "left": 0}


def _said(end: Event) -> str:
    """The sentence on how a run ended."""
    match end:
        case Finished(elapsed_s=seconds, notes=notes):
            return ". ".join([f"painted in {seconds:.1f} s" if seconds else "opened from its file", *notes])
        case Failed(sentence=sentence):
            return sentence
        case Paused(steps_done=done):
            return f"paused after step {done}: change what you like, then go on"
        case Cancelled(steps_done=done):
            return f"stopped after {done} steps"
    return ""


def _duration(seconds: float) -> str:
    """Roughly, since it is an estimate."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _led(request: GenerationRequest, evaluations: int) -> list[dict[str, Any]]:
    """From which recorded step to which each ControlNet acts."""
    acting = [(unit.model, unit.acts(evaluations)) for unit in request.control if unit.weight]
    return [{"name": name, "from": steps.start, "to": steps.stop} for name, steps in acting if steps]
