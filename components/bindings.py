"""What happens when: from a widget to a request, from a run's events to the page."""

from __future__ import annotations

import dataclasses
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from components import footer, recent, stage
from components.controls import LOCKED, RANDOM, Actions, Controls
from components.suggestions import surprise
from studio import GenerationRequest, Run, Studio, advice
from studio.errors import StudioError
from studio.gallery import infotext, pictures
from studio.presets import AUTOMATIC, schedules_of
from studio.request import RANDOM_SEED

HEARTBEAT_S = 0.5
"""How often a waiting page is written to: Gradio notices a closed tab at the next writing."""
LEASE_S = 15.0
DEVELOP_S = 2.0
"""How long the steps of a finished run may be decoded for the strip; the rest stay as they were."""
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


class Bindings:
    """The page's handlers over one studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._running: defaultdict[str, list[Run]] = defaultdict(list)
        self._latest: dict[str, tuple[Run, stage.View]] = {}
        self._lock = threading.Lock()

    def owner(self, request: gr.Request) -> str:
        """Whose pictures these are: the login's, or on a public page the tab's, or the one
        person's who sits at this machine."""
        if request.username:
            return f"user-{request.username}"
        return f"tab-{request.session_hash}" if self._studio.settings.public else pictures.LOCAL

    def paint(self, request: gr.Request, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Submit what the controls say and yield stage, recent pictures and seed as it goes."""
        asked, count, locked = _requests(values)
        view = stage.View(asked)
        try:
            for one in asked.batches(count):
                run = self._studio.submit(one, self.owner(request), LEASE_S)
                yield from self._follow(run, request, locked)
                if not run.succeeded:
                    return
        except StudioError as error:
            yield view.value | {"state": "failed", "message": str(error)}, gr.skip(), gr.skip()

    def _follow(self, run: Run, request: gr.Request, locked: bool) -> Iterator[tuple[Any, ...]]:
        tab = str(request.session_hash)
        with self._lock:
            self._running[tab].append(run)
        view, position = stage.View(run.request), 0
        seed = gr.skip() if locked else run.request.seed
        try:
            while not (run.ended and position and not run.events_after(position, 0)):
                run.renew()
                events = run.events_after(position, HEARTBEAT_S)
                position += len(events)
                if not self._studio.status.state.ready:
                    view.value = view.value | {"state": "loading", "message": self._studio.status.state.message}
                yield view.take(events), gr.skip(), seed
                seed = gr.skip()
            self._latest[tab] = run, view
            yield view.value, recent.newest(self._studio.settings.outputs, run.owner), gr.skip()
        finally:
            run.cancel()
            with self._lock:
                self._running[tab].remove(run)
                if not self._running[tab]:
                    del self._running[tab]

    def develop(self, request: gr.Request) -> Iterator[dict[str, Any]]:
        """After a run, while nothing newer is painted in this tab: real decodes for its strip."""
        tab = str(request.session_hash)
        if tab not in self._latest:
            return
        run, view = self._latest[tab]
        for value in view.developed(run, DEVELOP_S):
            if self._running.get(tab) or self._latest.get(tab) != (run, view):
                return
            yield value

    def stop(self, request: gr.Request) -> None:
        """Stop what this tab is painting."""
        with self._lock:
            for run in self._running.get(str(request.session_hash), []):
                run.cancel()

    def forget(self, request: gr.Request) -> None:
        """The tab is gone: stop its runs."""
        self.stop(request)
        self._latest.pop(str(request.session_hash), None)

    def opened(self, request: gr.Request) -> tuple[Any, ...]:
        """What a page shows when it opens."""
        return recent.newest(self._studio.settings.outputs, self.owner(request)), self.footer()

    def footer(self) -> str:
        """The footer now."""
        return footer.text(self._studio.status.state, self._studio.queue_length)

    def on_size(self, width: float | None, height: float | None, model: str) -> str:
        """A word on the size for the chosen model."""
        return advice.on_size(width or 0, height or 0, self._studio.library.native_side(model))

    def reuse(self, request: gr.Request) -> tuple[Any, Any]:
        """Seed of the newest picture, locked."""
        newest = pictures.recent(self._studio.settings.outputs, self.owner(request), 1)
        if not newest:
            gr.Info("There is no picture yet whose seed could be used.")
            return gr.skip(), gr.skip()
        found = infotext.to_fields(infotext.parse(pictures.read_infotext(newest[0])))
        return LOCKED, found.get("seed", gr.skip())

    def fill(self, path: str) -> tuple[Any, ...]:
        """The controls from a picture's infotext."""
        try:
            text = pictures.read_infotext(Path(path))
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None
        if not text:
            raise gr.Error("This picture carries no settings.", print_exception=False)
        return self._filled(infotext.to_fields(infotext.parse(text)))

    def _filled(self, fields: dict[str, Any]) -> tuple[Any, ...]:
        known = {field.name: field.default for field in dataclasses.fields(GenerationRequest)}
        if fields.get("model") not in self._studio.library.names:
            fields.pop("model", None)
        names = ("prompt", "negative_prompt", "model", "sampler", "schedule", "steps", "cfg_scale", "width", "height")
        values: dict[str, Any] = known | fields
        filled = [values[name] for name in names]
        filled[4] = gr.Dropdown(choices=schedules_of(values["sampler"]), value=values["schedule"])
        return *filled, 1, 1, LOCKED, values["seed"]


def _requests(values: tuple[Any, ...]) -> tuple[GenerationRequest, int, bool]:
    """Request, batch count and whether the seed is locked, of the controls' values."""
    given = dict(zip((field.name for field in dataclasses.fields(Controls)), values, strict=True))
    locked = given.pop("seed_mode") != RANDOM
    count = int(given.pop("batch_count") or 1)
    if not locked or given["seed"] is None:
        given["seed"] = RANDOM_SEED
    return GenerationRequest(**given), min(max(count, 1), 16), locked


def bind(
    made: Bindings, controls: Controls, actions: Actions, shown: Any, strip: Any, foot: Any, page: gr.Blocks
) -> None:
    """Tie the widgets to the handlers."""
    results = [shown, strip, controls.seed]
    painted = actions.paint.click(
        made.paint, controls.inputs(), results, concurrency_limit=None, trigger_mode="once", **PRIVATE
    )
    painted.then(made.develop, outputs=shown, concurrency_limit=None, **PRIVATE)
    shown.stop(made.stop, queue=False, **PRIVATE)
    actions.surprise.click(surprise, outputs=controls.prompt, queue=False, **PRIVATE)
    for example in actions.examples:
        example.click(None, example, controls.prompt, js="(text) => text", **PRIVATE)
    actions.reuse.click(made.reuse, outputs=[controls.seed_mode, controls.seed], queue=False, **PRIVATE)
    actions.open_picture.upload(made.fill, actions.open_picture, controls.inputs(), queue=False, **PRIVATE)
    controls.sampler.input(_schedules, [controls.sampler, controls.schedule], controls.schedule, queue=False, **PRIVATE)
    _advise(made, controls, actions)
    page.load(made.opened, outputs=[strip, foot], queue=False, **PRIVATE)
    gr.Timer(footer.EVERY_S).tick(made.footer, outputs=foot, queue=False, **PRIVATE)
    page.unload(made.forget)


def _schedules(sampler: str, schedule: str) -> Any:
    offered = schedules_of(sampler)
    return gr.Dropdown(choices=offered, value=schedule if schedule in offered else AUTOMATIC)


def _advise(made: Bindings, controls: Controls, actions: Actions) -> None:
    gr.on(
        [controls.steps.change, controls.sampler.change],
        lambda steps, sampler: advice.on_steps(steps or 0, sampler),
        [controls.steps, controls.sampler],
        actions.steps_note,
        queue=False,
        **PRIVATE,
    )
    gr.on(
        [controls.cfg_scale.change, controls.sampler.change],
        lambda cfg, sampler: advice.on_cfg(cfg or 0, sampler),
        [controls.cfg_scale, controls.sampler],
        actions.cfg_note,
        queue=False,
        **PRIVATE,
    )
    gr.on(
        [controls.width.change, controls.height.change, controls.model.change],
        made.on_size,
        [controls.width, controls.height, controls.model],
        actions.size_note,
        queue=False,
        **PRIVATE,
    )
