"""What becomes of the canvas: how far the model may go from its picture, its mask, its lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from components.schema import UNOPENED
from studio.presets import PREPROCESSORS
from studio.request import CONTROL_MODES, MASKED_CONTENT, RESIZE_MODES, ControlUnit, GenerationRequest, Inpaint

UNITS = 3
OFF, LINES, PICTURE, OWN = "Off", "Lines", "Canvas picture", "Own picture"
SOURCES = (OFF, LINES, PICTURE, OWN)
"""Where a unit's control map comes from."""
WHOLE, ONLY_MASKED = "Whole picture", "Only masked"
MASK = Inpaint(mask="")
UNIT = ControlUnit(model="", image="")
QUIET: dict[str, Any] = {"buttons": []}


@dataclass(frozen=True)
class Unit:
    """The widgets of one ControlNet, in the order in which handlers take their values."""

    source: Any
    preprocessor: Any
    model: Any
    own: Any
    weight: Any
    start: Any
    end: Any
    mode: Any
    resize_mode: Any


@dataclass(frozen=True)
class Drawing:
    """The widgets, in the order in which handlers take their values."""

    layers: Any
    """What the canvas has uploaded, as JSON; empty where it is put away."""
    start_on: Any
    strength: Any
    resize_mode: Any
    blur: Any
    content: Any
    area: Any
    padding: Any
    soft: Any
    units: tuple[Unit, ...]

    def named(self) -> Iterator[tuple[str, Any]]:
        """Every widget with its name; a unit's have its number before them."""
        for field in fields(self)[:-1]:
            yield field.name, getattr(self, field.name)
        for number, unit in enumerate(self.units):
            for field in fields(unit):
                yield f"{number}.{field.name}", getattr(unit, field.name)


@dataclass(frozen=True)
class UnitActions:
    """Buttons and notes of a unit."""

    show: Any
    shown: Any
    note: Any
    download: Any


@dataclass(frozen=True)
class DrawingActions:
    """What the panel has beside its settings."""

    strength_note: Any
    units: tuple[UnitActions, ...]
    sent_picture: Any
    """Brings a picture from Python to the canvas, and a mask."""
    sent_mask: Any
    live: Any


def build(controls: list[str]) -> tuple[Drawing, DrawingActions]:
    """Build the panel inside the layout that is open; ``controls`` are the ControlNets there are."""
    default = GenerationRequest()
    hint = "While the canvas is open, Paint uses it. <kbd>D</kbd> opens it and puts it away; nothing on it is lost."
    gr.HTML(f'<p class="sw-hint">{hint}</p>', padding=False)
    start_on = gr.Checkbox(True, label="Start from its picture", elem_id="start-on")  # or looked at: see ``fitting``
    strength = gr.Slider(0.05, 1, default.strength, step=0.05, label="Strength", elem_id="strength", **QUIET)
    note = gr.HTML("", elem_classes="sw-note", padding=False)
    resize_mode = gr.Dropdown(list(RESIZE_MODES), value=RESIZE_MODES[0], label="Resize mode", elem_id="resize-mode")
    with gr.Accordion("Mask", open=False, elem_id="mask-settings"):
        area = gr.Radio([WHOLE, ONLY_MASKED], value=WHOLE, label="Inpaint area", elem_id="area")
        padding = gr.Slider(0, 256, MASK.padding, step=4, label="Padding around the mask, px", **QUIET)
        blur = gr.Slider(0, 64, MASK.blur, step=1, label="Mask blur, px", elem_id="mask-blur", **QUIET)
        content = gr.Dropdown(list(MASKED_CONTENT), value=MASK.content, label="Masked content", elem_id="content")
        soft = gr.Checkbox(False, label="Soft inpainting: grey changes less than white", elem_id="soft")
    with gr.Accordion("ControlNets", open=False, elem_id="controls"), gr.Tabs():
        built = [_unit(number, controls) for number in range(UNITS)]
    live = gr.Button("Paint live", visible="hidden", elem_id="live")
    layers = gr.Textbox("", visible=False)
    sent = [gr.Image(**UNOPENED, visible="hidden", elem_id=f"sent-{what}") for what in ("picture", "mask")]
    units = tuple(unit for unit, _ in built)
    drawing = Drawing(layers, start_on, strength, resize_mode, blur, content, area, padding, soft, units)
    return drawing, DrawingActions(note, tuple(actions for _, actions in built), sent[0], sent[1], live)


def _unit(number: int, controls: list[str]) -> tuple[Unit, UnitActions]:
    with gr.Tab(f"{number + 1}"):
        source = gr.Radio(list(SOURCES), value=OFF if number else LINES, label="Follows", elem_id=f"source-{number}")
        own = gr.Image(
            **UNOPENED, sources=["upload", "clipboard"], label="Own picture", height=128, visible=False, **QUIET
        )
        preprocessor = gr.Dropdown(
            list(PREPROCESSORS), value="None", label="Preprocessor", visible=False, elem_id=f"preprocessor-{number}"
        )
        note = gr.HTML("", elem_classes="sw-note", padding=False)
        download = gr.Button("Download its weights", size="md", visible=False)
        model = gr.Dropdown(controls, value=controls[0], label="ControlNet", elem_id=f"control-{number}")
        weight = gr.Slider(0, 2, UNIT.weight, step=0.05, label="Weight", elem_id=f"weight-{number}", **QUIET)
        start = gr.Slider(0, 1, UNIT.start, step=0.05, label="Starts at", elem_id=f"start-{number}", **QUIET)
        end = gr.Slider(0, 1, UNIT.end, step=0.05, label="Ends at", elem_id=f"end-{number}", **QUIET)
        mode = gr.Dropdown(list(CONTROL_MODES), value=UNIT.mode, label="Control mode")
        resize_mode = gr.Dropdown(list(RESIZE_MODES), value=UNIT.resize_mode, label="Resize mode")
        show = gr.Button("Show what it follows", size="md", elem_id=f"show-map-{number}")
        shown = gr.Image(
            label="Control map", height=176, elem_id=f"map-{number}", visible=False, interactive=False, **QUIET
        )
    unit = Unit(source, preprocessor, model, own, weight, start, end, mode, resize_mode)
    return unit, UnitActions(show, shown, note, download)
