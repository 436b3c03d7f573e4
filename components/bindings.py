"""The page's handlers: from widgets to requests, from a run's events to the page."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import threading
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from components import fitting, footer, how, recent, stage, tree
from components.access import is_let_in
from components.controls import LOCKED
from components.exports import Exports
from components.filling import Filling
from components.form import Form, fields_of, whole_number
from components.listening import caught_up, renew
from components.loading import Downloading
from components.suggestions import on_unknown
from components.viewers import Viewers
from components.visitors import Visitors
from studio import GenerationRequest, Run, Studio, advice, limits
from studio.canvas import preprocess
from studio.errors import StudioError
from studio.few_steps import in_few_steps
from studio.request import MAX_SEED
from studio.timeline import compare

HEARTBEAT_S = 0.5
"""How often a waiting page is written to: Gradio notices a closed tab at the next writing."""
LEASE_S = 15.0
DEVELOP_S = 2.0
"""How long the steps of a finished run may be decoded for the strip; the rest stay as they were."""
SKIP = gr.skip()
Shown = tuple[Any, Any, Any, Any]
"""Values for the stage, the recent pictures, the tree and the seed."""


class Bindings:
    """Handlers over one studio."""

    def __init__(self, studio: Studio, visitors: Visitors, form: Form) -> None:
        self._studio, self._visitors, self._form = studio, visitors, form
        self.filling = Filling(studio, visitors, form)
        """What fills the controls."""
        self._viewers, self._catching_up, self._exports = Viewers(), threading.Lock(), Exports(studio)

    # Painting

    def paint(self, request: gr.Request, *values: Any) -> Iterator[Shown]:
        """Submit what the controls say, and show it as it goes."""
        owner = self._visitors.owner(request)
        try:
            asked = self._form.asked(values, owner)
            limits.check(asked.request)
            room, nearly = self._studio.collection.gauge(owner)
            if nearly:
                gr.Warning(f"Your pictures take {room}.")
            for one in asked.request.batches(asked.count):
                for _ in range(asked.loops):
                    run = self._studio.submit(one, owner, LEASE_S)
                    yield from self._waited(run, request)
                    yield from self._follow(run, request, asked.locked)
                    if not run.succeeded or self._shown(request) is not run or not is_let_in(request):
                        return
                    if asked.loops > 1:
                        one = self._looped(run, asked.strength)
        except StudioError as error:
            yield self._failed(request, error)

    def _waited(self, run: Run, request: gr.Request) -> Iterator[Shown]:
        """Until what this tab paints already has ended; meanwhile the run may be painted beside it."""
        with self._viewers.waiting(str(request.session_hash), run) as may_be_shown:
            if not may_be_shown():
                gr.Info("It comes next, after what is being painted.")
            while not may_be_shown():
                renew(run, request)
                yield SKIP, SKIP, SKIP, SKIP
                time.sleep(HEARTBEAT_S)

    def _looped(self, run: Run, strength: float) -> GenerationRequest:
        """The same once more, from the picture it made, with the next seed."""
        image = self._studio.collection.bring(run.result.images[0], run.owner)
        seed = (run.request.seed + 1) % (MAX_SEED + 1)
        return dataclasses.replace(run.request, image=image, seed=seed, strength=strength)

    def live(self, request: gr.Request, *values: Any) -> Iterator[Shown]:
        """Paint what is drawn in a few steps, in the place of the one painted so before, which is
        given up; nothing of it is kept but what the stage shows."""
        before = self._shown(request)
        if before is not None and before.draft:
            before.cancel()
        try:
            owner = self._visitors.owner(request)
            asked = self._form.asked(values, owner)
            full = asked.request.resolved()
            seed = full.seed if asked.locked or before is None else before.request.seed
            quick = dataclasses.replace(in_few_steps(full), batch_size=1, seed=seed)
            run = self._studio.submit(quick, owner, LEASE_S, draft=True)
            if before is not None and before.draft:
                self._studio.runs.forget(before)
            yield from self._follow(run, request, asked.locked)
        except StudioError as error:
            yield self._failed(request, error)

    def branch(self, request: gr.Request, at: Any, remaining: Any, noise_seed: Any, *values: Any) -> Iterator[Shown]:
        """Paint on from ``at``, the "run/step" looked at when it was asked for, under the controls' settings."""
        name, _, step = str(at).partition("/")
        run = self._studio.runs.find(name, self._visitors.owner(request))
        if run is None or not re.fullmatch(r"\d{1,6}", step):
            gr.Info("Paint something first: then you can branch from any of its steps.")
            return
        changes = self._changes(run, values)
        for name, text in (("remaining", remaining), ("noise_seed", noise_seed)):
            if str(text or "").strip():
                changes[name] = whole_number(str(text), name)
        yield from self._branched(request, lambda: self._studio.branch(run, int(step), lease_s=LEASE_S, **changes))

    def go_on(self, request: gr.Request, *values: Any) -> Iterator[Shown]:
        """Paint the run that is shown on from its last step, under the controls' settings."""
        run = self._shown(request)
        if run is not None and run.ended:
            changes = self._changes(run, values)
            yield from self._branched(request, lambda: self._studio.go_on(run, LEASE_S, **changes))

    def _changes(self, run: Run, values: tuple[Any, ...]) -> dict[str, Any]:
        try:
            return self._form.changes(run, values)
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def _branched(self, request: gr.Request, begin: Callable[[], Run]) -> Iterator[Shown]:
        try:
            run = begin()
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None
        yield from self._follow(run, request)

    def catch_up(self, request: gr.Request) -> Iterator[Shown]:
        """What a page shows when it opens: the newest run of whoever opens it, live ones left out. One that is
        being painted, in another tab perhaps, is followed; one put aside because its page was gone goes on."""
        owner = self._visitors.owner(request)
        run = self._newest(owner)
        if run is None:
            yield stage.IDLE | {"session": self._visitors.admit(request)}, self._recent(owner), SKIP, SKIP
            return
        if run.unwanted:  # its page has just gone, and the engine is about to put it aside
            _until_it_ends(run)
        with self._catching_up:  # of two tabs that come back together, one goes on with it and the other follows
            run = self._newest(owner) or run
            if run.paused and not run.pause_asked:
                with contextlib.suppress(StudioError):  # a full queue, say: then it stays put aside
                    run = self._studio.go_on(run, LEASE_S)
        if run.ended:
            yield self._open(request, run)
        else:
            yield from self._follow(run, request)

    def _follow(self, run: Run, request: gr.Request, locked: bool = True) -> Iterator[Shown]:
        """Show a run from its first event on, until it ends or the tab turns to another. Who reads more slowly than it
        is painted is told nothing until they have caught up, or it has ended, and then of the last picture only."""
        tab, owner, status = str(request.session_hash), run.owner, self._studio.status
        view, position = stage.View(run.request, self._visitors.admit(request)), 0
        with self._viewers.reading(tab, run):
            begun: tuple[Any, Any] = self._tree(run), SKIP if locked else run.request.seed
            while not (run.ended and position and not run.events_after(position, 0)):
                waited = caught_up(run, request)
                events = run.events_after(position, HEARTBEAT_S)
                position += len(events)
                if self._viewers.shown(tab) is not run:
                    break
                if not status.state.ready and not run.evaluations:  # later, it is somebody else's model
                    view.value = view.value | {"state": "loading", "message": status.state.message}
                view.begin(run)
                yield view.take(stage.newest(events) if waited else events), SKIP, *begun
                begun = SKIP, SKIP
        if self._viewers.shown(tab) is run:
            yield view.value, self._recent(owner), self._tree(run), SKIP
        else:
            yield from self._put_aside(run, request)

    def _put_aside(self, run: Run, request: gr.Request) -> Iterator[Shown]:
        """The tree of what the tab has turned to, with the run that it left put aside, which is said."""
        if not run.unwanted or run.draft:
            return
        if not run.ended:
            gr.Info("What was being painted is put aside: choose it under Branches to go on with it.")
        _until_it_ends(run)
        if now := self._shown(request):
            yield SKIP, SKIP, self._tree(now), SKIP

    def develop(self, request: gr.Request) -> Iterator[dict[str, Any]]:
        """After a run, while the tab still shows it: real decodes for its strip."""
        run = self._shown(request)
        if run is None or not run.ended or not len(run.recording):
            yield SKIP  # a generator that yields nothing would empty the stage
            return
        view = stage.View.of(run, self._visitors.admit(request))
        for value in view.developed(run, DEVELOP_S):
            if self._shown(request) is not run:
                return
            yield self._refused(request, value)

    def stop(self, request: gr.Request) -> None:
        """Stop what this tab shows."""
        if run := self._shown(request):
            run.cancel()

    def pause(self, request: gr.Request) -> None:
        """Put what this tab shows aside."""
        if run := self._shown(request):
            run.pause()

    def forget(self, request: gr.Request) -> None:
        """The tab is gone: what only it showed is put aside when its reader closes."""
        self._viewers.forget(str(request.session_hash))

    # Runs

    def open(self, request: gr.Request, event: gr.EventData) -> Shown:
        """Show another run of this owner's."""
        run = self._studio.runs.find(str(event._data.get("run")), self._visitors.owner(request))
        if run is None or not run.ended:
            return SKIP, SKIP, SKIP, SKIP
        return self._open(request, run)

    def open_file(self, request: gr.Request, path: str) -> Shown:
        """Show a saved run."""
        try:
            run = self._studio.open(Path(path), self._visitors.owner(request))
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None
        return self._open(request, run)

    def _open(self, request: gr.Request, run: Run) -> Shown:
        self._viewers.show(str(request.session_hash), run)
        view = stage.View.of(run, self._visitors.admit(request))
        return view.value, self._recent(run.owner), self._tree(run), SKIP

    def export(self, request: gr.Request, event: gr.EventData) -> str:
        """A file of the run that is shown: its strip in some form, its tree, or the run itself."""
        run = self._shown(request)
        if run is None:
            raise gr.Error("There is no run to keep yet.", print_exception=False)
        return self._exports.file(run, str(event._data.get("kind")))

    def start_from(self, request: gr.Request, event: gr.EventData) -> Image.Image:
        """The picture of the step that is looked at, for the canvas."""
        from studio.timeline.whole import whole_picture  # here, since it loads PyTorch

        run, index = self._shown(request), event._data.get("index")
        if run is None or type(index) is not int or not 0 <= index < run.kept + len(run.recording):
            raise gr.Error("There is no step to start from yet: paint first.", print_exception=False)
        try:
            return whole_picture(run, index, self._studio.inputs.get)
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def settings_of(self, request: gr.Request, chosen: str) -> tuple[Any, ...]:
        """The controls as they were for the run that is shown."""
        run = self._shown(request)
        if run is None:
            raise gr.Error("There is no run to take settings from yet.", print_exception=False)
        return self.filling.filled(request, fields_of(run.request), chosen)

    def differences(self, request: gr.Request, *values: Any) -> str:
        """What a branch would change, in a few words."""
        run = self._shown(request)
        if run is None:
            return ""
        try:
            changed = dataclasses.replace(run.request, **self._form.changes(run, values))
        except TypeError:
            return ""
        except StudioError as error:
            return escape(str(error))
        found = compare.differences(run.request, changed)
        return escape("; ".join(each.sentence for each in found)) or "Unchanged: the same picture again."

    # How it works

    def noised(self, picture: str | None, timestep: float) -> str:
        """A picture at a noise level, in both spaces."""
        return how.shown(self._studio, picture, timestep)

    def bring_back(self, picture: str | None, timestep: float) -> tuple[str, float]:
        """Picture and strength of a run that starts from there."""
        if picture is None:
            raise gr.Error("Drop a picture first.", print_exception=False)
        return picture, how.strength(timestep)

    # The rest of the page

    def footer(self, request: gr.Request) -> str:
        """The footer now."""
        gauge = self._studio.runs.gauge if self._visitors.runs_this(request) else None
        return footer.text(self._studio.status.state, self._studio.queue_length, gauge)

    def models(self) -> Any:
        """The model menu with what the library has found by now."""
        return gr.update(choices=self._studio.library.names)

    def styles(self) -> tuple[Any, str]:
        """The menu of styles as the files have them now, and which file cannot be read."""
        styles = self._studio.styles
        return gr.update(choices=[*styles.named]), escape(" ".join(styles.problems))

    def left(self, request: gr.Request, model: str) -> tuple[Any, ...]:
        """The controls as they were for the run that a page shows when it opens."""
        run = self._newest(owner := self._visitors.owner(request))
        return self._form.left(run.request if run else None, model, owner)

    def fitted(self, model: str) -> list[Any]:
        """The settings made for the chosen model."""
        library = self._studio.library
        return fitting.fitted(library.fitting(model), library.native_side(model), library.vaes(model))

    def vaes(self, model: str, chosen: str) -> Any:
        """The VAE menu with what the library has found by now."""
        return fitting.vaes_found(self._studio.library.vaes(model), chosen)

    def count(self, prompt: str | None, model: str) -> str:
        """How long a prompt is for the chosen model; empty where nobody counts."""
        return escape(str(self._studio.count(prompt or "", model) or ""))

    def on_prompt(self, prompt: str | None, model: str) -> str:
        """A word on words and marks that the chosen model does not know; none on a prompt that would be refused."""
        if len(prompt or "") > limits.Limits().prompt_characters:
            return ""
        marks = advice.on_marks(prompt or "", self._studio.library.fitting(model))
        return on_unknown(prompt, model) or escape(marks)

    def on_steps(self, steps: float | None, sampler: str, model: str) -> str:
        """A word on the steps for the chosen model."""
        return advice.on_steps(steps or 0, sampler, self._studio.library.fitting(model))

    def on_cfg(self, cfg_scale: float | None, sampler: str, model: str) -> str:
        """A word on the guidance for the chosen model."""
        return advice.on_cfg(cfg_scale or 0, sampler, self._studio.library.fitting(model))

    def on_size(self, width: float | None, height: float | None, model: str) -> str:
        """A word on the size for the chosen model."""
        return advice.on_size(width or 0, height or 0, self._studio.library.native_side(model))

    def on_strength(self, steps: float | None, strength: float | None, model: str) -> str:
        """Where the chosen model takes over from a picture."""
        return advice.on_strength(int(steps or 0), strength or 0, self._studio.library.fitting(model))

    def reuse(self, request: gr.Request) -> tuple[Any, Any]:
        """Seed of the newest picture, locked."""
        newest = self._studio.collection.history.page(self._visitors.owner(request), count=1)
        if not newest:
            gr.Info("There is no picture yet whose seed could be used.")
            return SKIP, SKIP
        return LOCKED, newest[0].seed

    # The canvas

    def control_shown(self, number: int, request: gr.Request, *values: Any) -> Any:
        """What a unit follows, to look at."""
        try:
            image = self._form.map_of(number, values, self._visitors.owner(request))
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None
        if image is None:
            raise gr.Error("There is nothing to follow yet: draw lines, or bring a picture.", print_exception=False)
        return gr.Image(image, visible=True)

    def control_weights(self, request: gr.Request, name: str) -> Iterator[tuple[str, Any]]:
        """Fetch a preprocessor's weights, telling how far it is; for the owner only."""
        self._visitors.require_owner(request)
        told = Downloading(name)
        for sentence in told.sentences():
            yield sentence, gr.Button(interactive=False)
        yield told.end, gr.Button(visible=not preprocess.is_ready(name), interactive=True)

    def _shown(self, request: gr.Request) -> Run | None:
        run = self._viewers.shown(str(request.session_hash))
        return run if run is not None and run.owner == self._visitors.owner(request) else None

    def _newest(self, owner: str) -> Run | None:
        """The newest run of an owner's, live ones left out."""
        return next((run for run in reversed(self._studio.runs.of(owner)) if not run.draft), None)

    def _recent(self, owner: str) -> list[str]:
        return recent.newest(self._studio.collection, owner)

    def _tree(self, run: Run) -> dict[str, Any]:
        return tree.value(self._studio, run.owner, run)

    def _failed(self, request: gr.Request, error: StudioError) -> Shown:
        """What was refused, over the run that is shown: its picture and steps stay. Over one that is being painted
        the next step would take its place, so it is told beside it."""
        run, session = self._shown(request), self._visitors.admit(request)
        if run is not None and not run.ended:
            gr.Warning(str(error))
            return SKIP, SKIP, SKIP, SKIP
        self._viewers.refuse(str(request.session_hash), str(error))
        view = stage.View.of(run, session).value if run is not None else stage.IDLE | {"session": session}
        return self._refused(request, view), SKIP, SKIP, SKIP

    def _refused(self, request: gr.Request, view: dict[str, Any]) -> dict[str, Any]:
        """A view with the sentence that stands over it. What was put aside can still be gone on with."""
        sentence = self._viewers.refusal(str(request.session_hash))
        if sentence is None:
            return view
        state = view["state"] if view["state"] in ("paused", "stopped") else "failed"
        return view | {"state": state, "message": sentence}


def _until_it_ends(run: Run) -> None:
    for _ in run:
        pass
