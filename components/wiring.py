"""What happens when: which widget's event calls which handler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from components import fitting, footer
from components.bindings import Bindings
from components.branching import Branching
from components.controls import Actions, Controls
from components.drawing import OWN, PICTURE, DrawingActions
from components.gallery import Gallery
from components.how import How
from components.models import Models
from components.suggestions import surprise
from studio.canvas.preprocess import is_ready
from studio.presets import PREPROCESSORS

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
STREAM: dict[str, Any] = PRIVATE | {"concurrency_limit": None}
QUICK: dict[str, Any] = PRIVATE | {"queue": False}
DRAWN = "async (layers, ...rest) => [await window.stepwise.drawn(), ...rest]"
"""Puts what is drawn on the canvas, uploaded, in the place of the first input."""
CHOSEN = """async (at, remaining, noise, layers, ...rest) =>
  [window.stepwise.chosen(), remaining, noise, await window.stepwise.drawn(), ...rest]"""
"""The same, with the run and the step that are looked at before it."""
ON_CANVAS = "(picture) => window.stepwise.onCanvas(picture)"
AS_IT_WAS = f"(picture, mask, ...follows) => window.stepwise.asItWas(picture, mask, follows.includes('{OWN}'))"
"""The canvas as a request had it; what it does not name is cleared, and can be undone."""
PAINT = """async (picture) => {
  await window.stepwise.onCanvas(picture);
  document.querySelector('#tabs button[role="tab"]').click();
  setTimeout(() => document.querySelector('#paint').click(), 300);
}"""
CANVAS_OPEN = """() => {
  window.stepwise.showCanvas(true);
  const open = (tries) => {  // the panel is made when its tab is shown for the first time
    const head = document.querySelector('#controls .label-wrap');
    if (!head) return tries && setTimeout(open, 100, tries - 1);
    if (!head.classList.contains('open')) head.click();
    window.stepwise.showWidget('#control-0');
  };
  open(30);
}"""
TYPED = """(...left) => {
  const key = 'stepwise-typed', kept = sessionStorage.getItem(key);
  const words = () => ['#prompt textarea', '#negative textarea'].map((each) => document.querySelector(each).value);
  const keep = () => sessionStorage.setItem(key, JSON.stringify(words()));
  window.addEventListener('pagehide', keep);
  document.addEventListener('visibilitychange', () => document.hidden && keep());
  return kept ? JSON.parse(kept) : left;
}"""
"""The words that stood in this tab, painted or not: a page is loaded anew also when its connection was lost."""
CLICK_DOWNLOAD = "() => setTimeout(() => document.querySelector('#download')?.click(), 100)"


@dataclass(frozen=True)
class Parts:
    """The page's parts that show things."""

    stage: Any
    recent: Any
    tree: Any
    footer: Any
    download: Any
    drawn: DrawingActions

    @property
    def followed(self) -> list[Any]:
        """What a run changes as it goes, but for the seed."""
        return [self.stage, self.recent, self.tree]


def bind(made: Bindings, controls: Controls, actions: Actions, branching: Branching, parts: Parts, page: Any) -> None:
    """Tie the widgets to the handlers."""
    _paint(made, controls, actions, branching, parts, page)
    _look(made, controls, actions, branching, parts)
    _fill(made, controls, actions, parts.drawn)
    _draw(made, controls, parts.drawn)
    _advise(made, controls, actions, parts.drawn, page)
    gr.Timer(footer.EVERY_S).tick(made.footer, outputs=parts.footer, **QUICK)
    gr.on([page.load, controls.model.focus], made.models, outputs=controls.model, **QUICK)
    words = [controls.prompt, controls.negative_prompt]
    left = page.load(made.left, controls.model, controls.inputs(), **QUICK)
    left.then(None, words, words, js=TYPED, **PRIVATE)
    styles = [controls.styles, actions.styles_note]
    gr.on([page.load, controls.styles.focus], made.styles, outputs=styles, **QUICK)
    gr.on([page.load, controls.vae.focus], made.vaes, [controls.model, controls.vae], controls.vae, **QUICK)
    page.unload(made.forget)


def _paint(made: Bindings, controls: Controls, actions: Actions, branching: Branching, parts: Parts, page: Any) -> None:
    results, inputs = [*parts.followed, controls.seed], controls.inputs()
    leaving = [branching.at, branching.remaining, branching.noise_seed, *inputs]
    begun = [
        actions.paint.click(made.paint, inputs, results, js=DRAWN, trigger_mode="multiple", **STREAM),
        branching.branch.click(made.branch, leaving, results, js=CHOSEN, trigger_mode="multiple", **STREAM),
        parts.stage.go_on(made.go_on, inputs, results, js=DRAWN, **STREAM),
        parts.drawn.live.click(made.live, inputs, results, js=DRAWN, trigger_mode="multiple", **STREAM),
        page.load(made.catch_up, outputs=results, **STREAM),
    ]
    for event in begun:
        event.then(made.develop, outputs=parts.stage, **STREAM)
    page.load(made.footer, outputs=parts.footer, **QUICK)
    parts.stage.stop(made.stop, **QUICK)
    parts.stage.pause(made.pause, **QUICK)


def _look(made: Bindings, controls: Controls, actions: Actions, branching: Branching, parts: Parts) -> None:
    results = [*parts.followed, controls.seed]
    parts.tree.pick(made.open, outputs=results, **QUICK).then(made.develop, outputs=parts.stage, **STREAM)
    parts.tree.keep(made.export, outputs=parts.download, **PRIVATE).then(None, js=CLICK_DOWNLOAD)
    sent = [parts.drawn.sent_picture, parts.drawn.sent_mask]
    parts.tree.take(made.settings_of, controls.model, [*sent, *controls.inputs()], **QUICK).then(
        None, _as_it_was(controls, sent), js=AS_IT_WAS
    )
    parts.stage.start_from(made.start_from, outputs=sent[0], **QUICK).then(None, sent[:1], js=ON_CANVAS)
    actions.open_run.upload(made.open_file, actions.open_run, results, **PRIVATE).then(
        made.develop, outputs=parts.stage, **STREAM
    )
    changeable = (
        controls.prompt,
        controls.negative_prompt,
        controls.styles,
        controls.cfg_scale,
        controls.clip_skip,
        controls.sampler,
        controls.schedule,
        controls.vae,
    )
    told: dict[str, Any] = {"inputs": controls.inputs(), "outputs": branching.note, "js": DRAWN} | QUICK
    parts.stage.turned(made.differences, **told)
    gr.on([widget.change for widget in changeable], made.differences, **told)


def _fill(made: Bindings, controls: Controls, actions: Actions, drawn: DrawingActions) -> None:
    actions.surprise.click(surprise, outputs=controls.prompt, **QUICK)
    for example in actions.examples:
        example.click(None, example, controls.prompt, js="(text) => text", **PRIVATE)
    actions.reuse.click(made.reuse, outputs=[controls.seed_mode, controls.seed], **QUICK)
    sent = [drawn.sent_picture, drawn.sent_mask]
    told, widgets = [actions.open_picture, controls.model], [*sent, *controls.inputs()]
    filled = actions.open_picture.upload(made.filling.fill, told, widgets, **QUICK)
    filled.then(None, _as_it_was(controls, sent), js=AS_IT_WAS)
    controls.model.input(made.fitted, controls.model, _decided(controls), **QUICK)
    controls.sampler.input(fitting.schedule_menu, [controls.sampler, controls.schedule], controls.schedule, **QUICK)


def _decided(controls: Controls) -> list[Any]:
    """The widgets that the model decides about."""
    named = dict(controls.named())
    return [named[name] for name in fitting.DECIDED]


def _as_it_was(controls: Controls, sent: list[Any]) -> list[Any]:
    """What ``AS_IT_WAS`` is told: start picture, mask, and what each unit follows."""
    return [*sent, *(unit.source for unit in controls.drawing.units)]


def _draw(made: Bindings, controls: Controls, drawn: DrawingActions) -> None:
    """The panel of the canvas: what is shown of a unit, and what it follows."""
    for number, (unit, actions) in enumerate(zip(controls.drawing.units, drawn.units, strict=True)):
        shows = _shows(made, number)
        actions.show.click(shows, controls.inputs(), actions.shown, js=DRAWN, **PRIVATE)
        unit.source.change(_follows, unit.source, [unit.own, unit.preprocessor], **QUICK)
        gr.on(
            [unit.preprocessor.change, unit.source.change],
            _needs,
            [unit.preprocessor, unit.source],
            [actions.note, actions.download],
            **QUICK,
        )
        actions.download.click(made.control_weights, unit.preprocessor, [actions.note, actions.download], **PRIVATE)


def _shows(made: Bindings, number: int) -> Callable[..., Any]:
    """What shows the map of a unit; a function of its own, in which Gradio sees that it wants the request."""

    def show(request: gr.Request, *values: Any) -> Any:
        return made.control_shown(number, request, *values)

    return show


def _follows(source: str) -> tuple[Any, Any]:
    return gr.Image(visible=source == OWN), gr.Dropdown(visible=source in (OWN, PICTURE))


def _needs(preprocessor: str, source: str) -> tuple[str, Any]:
    """Whether a preprocessor has its weights."""
    if source not in (OWN, PICTURE) or is_ready(preprocessor):
        return "", gr.Button(visible=False)
    return f"It needs weights from {PREPROCESSORS[preprocessor].repo}.", gr.Button(visible=True)


def bind_how(made: Bindings, controls: Controls, drawn: DrawingActions, part: How) -> None:
    """Tie the part that explains to the handlers; its button fills the controls and paints."""
    seen = [part.tab.select, part.picture.change, part.timestep.change]
    gr.on(seen, made.noised, [part.picture, part.timestep], part.shown, trigger_mode="always_last", **PRIVATE)
    filled = [drawn.sent_picture, controls.drawing.strength]
    back = part.back.click(made.bring_back, [part.picture, part.timestep], filled, **QUICK)
    back.then(None, filled[:1], js=PAINT)


def bind_gallery(
    made: Bindings, browsing: Gallery, controls: Controls, gallery: Any, download: Any, drawn: DrawingActions
) -> None:
    """Tie what the gallery sends to the controls, or has downloaded."""

    def take(request: gr.Request, event: gr.EventData, chosen: str) -> tuple[Any, ...]:
        fields, named = browsing.settings_of(request, event)
        return made.filling.filled(request, fields, chosen, named)

    sent = [drawn.sent_picture, drawn.sent_mask]
    gallery.take(take, controls.model, [*sent, *controls.inputs()], **QUICK).then(
        None, _as_it_was(controls, sent), js=AS_IT_WAS
    )
    gallery.start_from(browsing.start_from, outputs=sent[0], **QUICK).then(None, sent[:1], js=ON_CANVAS)
    gallery.zip(browsing.zip, outputs=download, **PRIVATE).then(None, js=CLICK_DOWNLOAD)


def bind_models(made: Bindings, shown: Models, controls: Controls, models: Any) -> None:
    """Tie the choice of a model to the controls."""

    def use(event: gr.EventData) -> list[Any]:
        name = shown.chosen(event)
        return [gr.Dropdown(choices=shown.names, value=name), *made.fitted(name)]

    models.lead(shown.leads, outputs=controls.drawing.units[0].model, **QUICK).then(None, js=CANVAS_OPEN)
    models.decode(shown.decodes, [controls.model], controls.vae, **QUICK)
    models.use(use, outputs=[controls.model, *_decided(controls)], **QUICK)


def _advise(made: Bindings, controls: Controls, actions: Actions, drawn: DrawingActions, page: Any) -> None:
    for widget in (controls.prompt, controls.model):
        widget.change(made.on_prompt, [controls.prompt, controls.model], actions.prompt_note, **QUICK)
    counted = ((controls.prompt, actions.count), (controls.negative_prompt, actions.negative_count))
    for box, note in counted:
        gr.on([page.load, box.change, controls.model.change], made.count, [box, controls.model], note, **QUICK)
    gr.on(
        [controls.steps.change, controls.drawing.strength.change, controls.model.change],
        made.on_strength,
        [controls.steps, controls.drawing.strength, controls.model],
        drawn.strength_note,
        **QUICK,
    )
    gr.on(
        [controls.steps.change, controls.sampler.change, controls.model.change],
        made.on_steps,
        [controls.steps, controls.sampler, controls.model],
        actions.steps_note,
        **QUICK,
    )
    gr.on(
        [controls.cfg_scale.change, controls.sampler.change, controls.model.change],
        made.on_cfg,
        [controls.cfg_scale, controls.sampler, controls.model],
        actions.cfg_note,
        **QUICK,
    )
    gr.on(
        [controls.width.change, controls.height.change, controls.model.change],
        made.on_size,
        [controls.width, controls.height, controls.model],
        actions.size_note,
        **QUICK,
    )
