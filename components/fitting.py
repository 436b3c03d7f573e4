"""The widgets a model decides about: which samplers there are, and the settings made for it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.presets import AUTOMATIC, Fitting, samplers_of, schedules_of

DECIDED = ("sampler", "schedule", "steps", "cfg_scale", "distilled_cfg_scale", "width", "height")


def fitted(fitting: Fitting | None, side: int) -> list[Any]:
    """Values for the widgets of ``DECIDED`` as a model wants them; where nobody knows what it
    wants, only its size."""
    if fitting is None:
        return [*[gr.skip()] * 5, side, side]
    return [
        sampler_menu(fitting, fitting.sampler),
        schedule_menu(fitting.sampler, fitting.schedule),
        fitting.steps,
        fitting.cfg_scale,
        gr.Slider(visible=fitting.distilled, value=fitting.distilled_cfg_scale),
        side,
        side,
    ]


def sampler_menu(fitting: Fitting | None, sampler: str) -> Any:
    """The samplers that go with a model, and the one that is chosen."""
    offered = samplers_of(fitting)
    return gr.Dropdown(choices=offered, value=sampler if sampler in offered else offered[0])


def schedule_menu(sampler: str, schedule: str) -> Any:
    """The schedule types that go with a sampler, and the one that is chosen."""
    offered = schedules_of(sampler)
    return gr.Dropdown(choices=offered, value=schedule if schedule in offered else AUTOMATIC)
