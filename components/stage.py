"""The stage: the picture as it becomes, the line that says where it is, the strip of its steps.

The component's value is the whole view as JSON; ``assets/page/stage.js`` draws it and keeps
what is only looking: which step is shown, whether the strip plays.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from studio.contact_sheet import grid
from studio.events import Cancelled, Event, Failed, Finished, Produced, Queued, Started, Step
from studio.request import GenerationRequest
from studio.run import Run

ASSETS = Path(__file__).parent.parent / "assets" / "page"
DEVELOPED_AT_ONCE = 4
IDLE: dict[str, Any] = {"run": "", "state": "idle", "message": "", "steps": [], "total": 0, "pictures": []}


def build() -> Any:
    """The component, in the layout that is open."""
    return gr.HTML(
        IDLE,
        html_template=(ASSETS / "stage.html").read_text(encoding="utf-8"),
        js_on_load=(ASSETS / "stage.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="stage",
        padding=False,
    )


def data_uri(jpeg: bytes) -> str:
    """A JPEG as something an ``<img>`` takes."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


class View:
    """Turns a run's events into the stage's value, one after another."""

    def __init__(self, request: GenerationRequest) -> None:
        columns, rows = grid(request.batch_size)
        self.value: dict[str, Any] = IDLE | {
            "state": "queued",
            "message": "waiting for its turn",
            "steps": [],
            "pictures": [],
            "ratio": request.width * columns / (request.height * rows),
        }

    def take(self, events: Iterable[Event]) -> dict[str, Any]:
        """The view after these events."""
        for event in events:
            self.value = self.value | {"run": event.run} | self._change(event)
        return self.value

    def developed(self, run: Run, budget_s: float) -> Iterator[dict[str, Any]]:
        """Views in which the previews of a run that has ended give way to real decodes, the
        last step first, while the budget lasts."""
        began = time.monotonic()
        shown = list(enumerate(run.steps[: len(self.value["steps"])]))
        for index, step in reversed(shown):
            if time.monotonic() - began > budget_s:
                return
            entries = list(self.value["steps"])
            entries[index] = entries[index] | {"src": data_uri(step.preview)}
            self.value = self.value | {"steps": entries}
            if index % DEVELOPED_AT_ONCE == 0 or index == len(entries) - 1:
                yield self.value

    def _change(self, event: Event) -> dict[str, Any]:
        match event:
            case Queued(ahead=ahead):
                return {"message": f"{ahead} before it in the queue" if ahead else "its turn is next"}
            case Started():
                return {"state": "painting", "message": "", "total": event.evaluations}
            case Step():
                return self._step(event)
            case Produced():
                return {"pictures": [*self.value["pictures"], event.seed]}
            case Finished():
                return {"state": "finished", "message": f"painted in {event.elapsed_s:.1f} s", "left": 0}
            case Failed():
                return {"state": "failed", "message": event.sentence}
            case Cancelled():
                return {"state": "stopped", "message": f"stopped after {event.steps_done} steps"}
        return {}

    def _step(self, step: Step) -> dict[str, Any]:
        entry = {"sigma": round(step.sigma, 3), "src": data_uri(step.preview) if step.preview else ""}
        return {
            "steps": [*self.value["steps"], entry],
            "elapsed": round(step.elapsed_s, 1),
            "left": round(step.left_s, 1),
        }
