"""What happens when: which widget's event calls which handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from components import footer
from components.bindings import Bindings
from components.branching import Branching
from components.controls import Actions, Controls
from components.how import How
from components.suggestions import on_unknown, surprise
from studio import advice
from studio.presets import AUTOMATIC, schedules_of

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
STREAM: dict[str, Any] = PRIVATE | {"concurrency_limit": None}
QUICK: dict[str, Any] = PRIVATE | {"queue": False}
CHOSEN = "(at, ...rest) => [window.stepwise.chosen(), ...rest]"
"""Puts the number of steps up to the one that is looked at in the place of the first input."""
PAINT = """() => {
  document.querySelector('#tabs button[role="tab"]').click();
  setTimeout(() => document.querySelector('#paint').click(), 300);
}"""
CLICK_DOWNLOAD = "() => setTimeout(() => document.querySelector('#download')?.click(), 100)"


@dataclass(frozen=True)
class Parts:
    """The page's parts that show things."""

    stage: Any
    recent: Any
    tree: Any
    footer: Any
    download: Any

    @property
    def followed(self) -> list[Any]:
        """What a run changes as it goes, but for the seed."""
        return [self.stage, self.recent, self.tree]


def bind(made: Bindings, controls: Controls, actions: Actions, branching: Branching, parts: Parts, page: Any) -> None:
    """Tie the widgets to the handlers."""
    _paint(made, controls, actions, branching, parts, page)
    _look(made, controls, actions, branching, parts)
    _fill(made, controls, actions)
    _advise(made, controls, actions)
    gr.Timer(footer.EVERY_S).tick(made.footer, outputs=parts.footer, **QUICK)
    gr.on([page.load, controls.model.focus], made.models, outputs=controls.model, **QUICK)
    page.unload(made.forget)


def _paint(made: Bindings, controls: Controls, actions: Actions, branching: Branching, parts: Parts, page: Any) -> None:
    results, inputs = [*parts.followed, controls.seed], controls.inputs()
    leaving = [branching.at, branching.remaining, branching.noise_seed, *inputs]
    begun = [
        actions.paint.click(made.paint, inputs, results, trigger_mode="once", **STREAM),
        branching.branch.click(made.branch, leaving, results, js=CHOSEN, **STREAM),
        parts.stage.go_on(made.go_on, inputs, results, **STREAM),
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
    parts.tree.take(made.settings_of, outputs=controls.inputs(), **QUICK)
    parts.stage.start_from(made.start_from, outputs=controls.image, **QUICK)
    actions.open_run.upload(made.open_file, actions.open_run, results, **PRIVATE).then(
        made.develop, outputs=parts.stage, **STREAM
    )
    told: dict[str, Any] = {"inputs": controls.inputs(), "outputs": branching.note} | QUICK
    parts.stage.turned(made.differences, **told)
    for widget in (
        controls.prompt,
        controls.negative_prompt,
        controls.cfg_scale,
        controls.sampler,
        controls.schedule,
    ):
        widget.change(made.differences, **told)


def _fill(made: Bindings, controls: Controls, actions: Actions) -> None:
    actions.surprise.click(surprise, outputs=controls.prompt, **QUICK)
    for example in actions.examples:
        example.click(None, example, controls.prompt, js="(text) => text", **PRIVATE)
    actions.reuse.click(made.reuse, outputs=[controls.seed_mode, controls.seed], **QUICK)
    actions.open_picture.upload(made.fill, actions.open_picture, controls.inputs(), **QUICK)
    controls.sampler.input(_schedules, [controls.sampler, controls.schedule], controls.schedule, **QUICK)


def _schedules(sampler: str, schedule: str) -> Any:
    offered = schedules_of(sampler)
    return gr.Dropdown(choices=offered, value=schedule if schedule in offered else AUTOMATIC)


def bind_how(made: Bindings, controls: Controls, part: How) -> None:
    """Tie the part that explains to the handlers; its button fills the controls and paints."""
    for event in (part.picture.change, part.timestep.change):
        event(made.noised, [part.picture, part.timestep], part.shown, trigger_mode="always_last", **PRIVATE)
    filled = [controls.image, controls.strength]
    part.back.click(made.bring_back, [part.picture, part.timestep], filled, **QUICK).then(None, js=PAINT)


def _advise(made: Bindings, controls: Controls, actions: Actions) -> None:
    for widget in (controls.prompt, controls.model):
        widget.change(on_unknown, [controls.prompt, controls.model], actions.prompt_note, **QUICK)
    gr.on(
        [controls.steps.change, controls.strength.change, controls.image.change],
        lambda steps, strength, image: advice.on_strength(steps or 0, strength or 0) if image else "",
        [controls.steps, controls.strength, controls.image],
        actions.strength_note,
        **QUICK,
    )
    gr.on(
        [controls.steps.change, controls.sampler.change],
        lambda steps, sampler: advice.on_steps(steps or 0, sampler),
        [controls.steps, controls.sampler],
        actions.steps_note,
        **QUICK,
    )
    gr.on(
        [controls.cfg_scale.change, controls.sampler.change],
        lambda cfg, sampler: advice.on_cfg(cfg or 0, sampler),
        [controls.cfg_scale, controls.sampler],
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
