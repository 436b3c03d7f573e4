"""The widgets a model decides about: which samplers there are, and the settings made for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from studio.limits import Limits
from studio.presets import AUTOMATIC, Fitting, samplers_of, schedules_of
from studio.request import GenerationRequest

UNSAID = GenerationRequest()

LENGTH = ("frames", "fps", "seconds")
DECIDED = (
    "sampler", "schedule", "steps", "cfg_scale", "distilled_cfg_scale", "clip_skip", "width", "height", *LENGTH, "vae",
    "start_on", "strength",
)  # fmt: skip


OWN_VAE = "Automatic"
"""The model's own, as the web UI calls it."""


def fitted(fitting: Fitting | None, side: int, vaes: Sequence[str] = ()) -> list[Any]:
    """Values for the widgets of ``DECIDED`` as a model wants them; where nobody knows what it
    wants, only its size."""
    large = [*size(fitting, side, side).values(), *length(fitting).values()]
    start = picture(fitting).values()
    if fitting is None:
        return [*[gr.skip()] * 5, clip_skip(None), *large, vae_menu(vaes), *start]
    return [
        sampler_menu(fitting, fitting.sampler),
        schedule_menu(fitting.sampler, fitting.schedule),
        fitting.steps,
        fitting.cfg_scale,
        gr.Slider(visible=fitting.distilled, value=fitting.distilled_cfg_scale),
        clip_skip(fitting),
        *large,
        vae_menu(vaes),
        *start,
    ]


def vae_menu(vaes: Sequence[str], chosen: str = "") -> Any:
    """The VAEs that go with a model; not shown where there are none."""
    value = chosen if chosen in vaes else OWN_VAE
    return gr.Dropdown(choices=[OWN_VAE, *vaes], value=value, visible=bool(vaes))


def vaes_found(vaes: Sequence[str], chosen: str) -> Any:
    """The same menu when its choices are told anew, perhaps while somebody chooses: the value is left alone, unless
    the VAE it names is gone."""
    if chosen not in (OWN_VAE, *vaes):
        return vae_menu(vaes)
    return gr.update(choices=[OWN_VAE, *vaes], visible=bool(vaes))


def picture(fitting: Fitting | None, **told: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of the canvas's picture: a model that edits looks at it and starts from noise, so that there is no
    strength to choose. ``told`` is what else a widget shall be told, by its name."""
    edits = fitting is not None and fitting.edits
    label = "Look at its picture" if edits else "Start from its picture"
    return {
        "start_on": gr.Checkbox(label=label, **told.get("start_on", {})),
        "strength": gr.Slider(visible=not edits, **told.get("strength", {})),
    }


def size(fitting: Fitting | None, width: int, height: int) -> dict[str, Any]:
    """Width and height; sounds have none."""
    shown = fitting is None or not fitting.seconds
    return {"width": gr.Number(width, visible=shown), "height": gr.Number(height, visible=shown)}


def length(fitting: Fitting | None, frames: int = 0, fps: int = 0, seconds: float = 0.0) -> dict[str, Any]:
    """How long a film or a sound is, as it is told or else as a model makes them; for other models neither."""
    films, sounds = bool(fitting and fitting.frames), bool(fitting and fitting.seconds)
    if fitting is None or not films:
        frames = 1
    return {
        "frames": gr.Number(frames or (fitting.frames if fitting else 1), visible=films),
        "fps": gr.Number(fps or (fitting.fps if fitting else UNSAID.fps), visible=films),
        "seconds": gr.Number((seconds or fitting.seconds) if fitting and sounds else 0, visible=sounds),
    }


def clip_skip(fitting: Fitting | None, value: int = 1) -> Any:
    """The layers that a model has to choose from; nothing to see where it has none."""
    layers = min(fitting.clip_layers if fitting else 0, Limits.clip_skip)
    return gr.Slider(value=min(value, max(layers, 1)), maximum=max(layers, 2), visible=layers > 1)


def sampler_menu(fitting: Fitting | None, sampler: str) -> Any:
    """The samplers that go with a model, and the one that is chosen."""
    offered = samplers_of(fitting)
    return gr.Dropdown(choices=offered, value=sampler if sampler in offered else offered[0])


def schedule_menu(sampler: str, schedule: str) -> Any:
    """The schedule types that go with a sampler, and the one that is chosen."""
    offered = schedules_of(sampler)
    return gr.Dropdown(choices=offered, value=schedule if schedule in offered else AUTOMATIC)
