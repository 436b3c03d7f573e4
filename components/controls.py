"""The left column: what to paint and how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from components import suggestions
from components.drawing import Drawing
from components.fitting import OWN_VAE
from components.suggestions import EXAMPLES
from studio.gallery.pictures import MIME
from studio.limits import Limits
from studio.presets import AUTOMATIC, SAMPLERS, SCHEDULES
from studio.request import GenerationRequest

RANDOM, LOCKED = "Random", "Locked"
DEFAULT = GenerationRequest()


@dataclass(frozen=True)
class Controls:
    """The widgets, in the order in which handlers take their values."""

    prompt: Any
    negative_prompt: Any
    styles: Any
    model: Any
    vae: Any
    sampler: Any
    schedule: Any
    steps: Any
    cfg_scale: Any
    distilled_cfg_scale: Any
    clip_skip: Any
    width: Any
    height: Any
    frames: Any
    fps: Any
    seconds: Any
    batch_count: Any
    batch_size: Any
    loops: Any
    variation_seed: Any
    variation_strength: Any
    seed_mode: Any
    seed: Any
    drawing: Drawing

    def named(self) -> Iterator[tuple[str, Any]]:
        """Every widget with its name."""
        for field in fields(self)[:-1]:
            yield field.name, getattr(self, field.name)
        yield from self.drawing.named()

    def inputs(self) -> list[Any]:
        """All of them, for an event's inputs; what the canvas has uploaded first."""
        return [widget for _, widget in sorted(self.named(), key=lambda pair: pair[0] != "layers")]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of ``inputs``."""
        return tuple(name for name, _ in sorted(self.named(), key=lambda pair: pair[0] != "layers"))


@dataclass(frozen=True)
class Actions:
    """Buttons and notes of the column."""

    paint: Any
    surprise: Any
    examples: tuple[Any, ...]
    reuse: Any
    open_picture: Any
    open_run: Any
    count: Any
    negative_count: Any
    styles_note: Any
    prompt_note: Any
    steps_note: Any
    cfg_note: Any
    size_note: Any


def _note(*more: str) -> Any:
    return gr.HTML("", elem_classes=["sw-note", *more], padding=False)


def _model(models: list[str]) -> tuple[Any, Any]:
    model = gr.Dropdown(models, value=models[0], label="Model", elem_id="model")
    vae = gr.Dropdown([OWN_VAE], value=OWN_VAE, label="VAE", elem_id="vae", visible=False)
    return model, vae


def _solver() -> tuple[Any, Any]:
    with gr.Row():
        sampler = gr.Dropdown(list(SAMPLERS), value=DEFAULT.sampler, label="Sampler", elem_id="sampler", min_width=120)
        schedule = gr.Dropdown(
            list(SCHEDULES), value=AUTOMATIC, label="Schedule type", elem_id="schedule", min_width=120
        )
    return sampler, schedule


def _words_weigh() -> tuple[Any, Any, Any, Any]:
    """How strongly the words lead, and from which layer they are read."""
    cfg_scale = gr.Slider(1, 30, DEFAULT.cfg_scale, step=0.5, label="CFG scale", elem_id="cfg", buttons=[])
    cfg_note = _note()
    distilled = gr.Slider(
        0, 30, DEFAULT.distilled_cfg_scale, step=0.1, label="Distilled CFG scale", elem_id="distilled", buttons=[],
        visible=False,
    )  # fmt: skip
    clip_skip = gr.Slider(
        1, Limits.clip_skip, DEFAULT.clip_skip, step=1, label="Clip skip", elem_id="clip-skip", buttons=[]
    )
    return cfg_scale, cfg_note, distilled, clip_skip


def _size() -> tuple[Any, Any]:
    with gr.Row():
        width = gr.Number(DEFAULT.width, label="Width", step=8, precision=0, elem_id="width", min_width=80)
        height = gr.Number(DEFAULT.height, label="Height", step=8, precision=0, elem_id="height", min_width=80)
    return width, height


def _length() -> tuple[Any, Any, Any]:
    """Of films and sounds; shown for models that make them."""
    most = Limits()
    told: dict[str, Any] = {"min_width": 80, "visible": False}
    with gr.Row():
        frames = gr.Number(1, label="Frames", precision=0, minimum=1, maximum=most.frames, elem_id="frames", **told)
        fps = gr.Number(
            DEFAULT.fps, label="Frames a second", precision=0, minimum=1, maximum=most.fps, elem_id="fps", **told
        )
        seconds = gr.Number(0, label="Seconds", step=0.1, minimum=0, maximum=most.seconds, elem_id="seconds", **told)
    return frames, fps, seconds


def _variations() -> tuple[Any, Any, Any]:
    """Near relatives of a seed, and results that become starts."""
    with gr.Accordion("Variations and loops", open=False, elem_id="variations"):
        with gr.Row():
            seed = gr.Number(DEFAULT.variation_seed, label="Variation seed", precision=0, minimum=0, min_width=80)
            loops = gr.Number(1, label="Loops", precision=0, minimum=1, maximum=16, min_width=80, elem_id="loops")
        strength = gr.Slider(
            0, 1, DEFAULT.variation_strength, step=0.01, label="Variation strength", elem_id="variation", buttons=[]
        )
    return loops, seed, strength


def _styles(names: Sequence[str]) -> tuple[Any, Any]:
    menu = gr.Dropdown(list(names), value=[], multiselect=True, label="Styles", elem_id="styles")
    return menu, _note()


def build(models: list[str], drawing: Drawing, styles: Sequence[str] = ()) -> tuple[Controls, Actions]:
    """Build the column inside the layout that is open; ``drawing`` is the canvas's part, built elsewhere."""
    prompt = gr.Textbox(
        EXAMPLES[0], label="Prompt", lines=3, max_lines=8, elem_id="prompt", placeholder="What shall it be?"
    )
    suggestions.build()
    count = _note("sw-count")
    # Nothing above this button changes its height when the prompt loses the focus: it would slip from under the press.
    paint = gr.Button("Paint", variant="primary", elem_id="paint", size="lg")
    prompt_note = _note()
    with gr.Row(elem_classes="sw-chips"):
        surprise = gr.Button("Surprise me", size="sm", elem_id="surprise", min_width=60)
        examples = tuple(gr.Button(text, size="sm", min_width=60) for text in EXAMPLES[1:])
    negative = gr.Textbox("", label="Negative prompt", lines=1, max_lines=4, elem_id="negative")
    negative_count = _note("sw-count")
    style, styles_note = _styles(styles)
    model, vae = _model(models)
    sampler, schedule = _solver()
    steps = gr.Slider(1, 150, DEFAULT.steps, step=1, label="Steps", elem_id="steps", buttons=[])
    steps_note = _note()
    cfg_scale, cfg_note, distilled, clip_skip = _words_weigh()
    sides = _size()
    size_note = _note()
    length = _length()
    with gr.Row():
        batch_count = gr.Number(1, label="Batch count", minimum=1, maximum=16, precision=0, min_width=80)
        batch_size = gr.Number(1, label="Batch size", minimum=1, maximum=16, precision=0, min_width=80)
    seed_mode = gr.Radio([RANDOM, LOCKED], value=RANDOM, label="Seed", elem_id="seed-mode")
    with gr.Row(elem_classes="sw-seed"):
        seed = gr.Number(7, show_label=False, label="Seed number", precision=0, elem_id="seed", min_width=100)
        reuse = gr.Button("Reuse last", size="md", min_width=90, elem_id="reuse")
    loops, variation_seed, variation_strength = _variations()
    with gr.Row():
        open_picture = gr.UploadButton("Settings from a picture", file_types=[*MIME], size="md", elem_id="open-picture")
        open_run = gr.UploadButton("Open a run", file_types=[".stepwise"], size="md", elem_id="open-run")
    controls = Controls(
        prompt,
        negative,
        style,
        model,
        vae,
        sampler,
        schedule,
        steps,
        cfg_scale,
        distilled,
        clip_skip,
        *sides,
        *length,
        batch_count,
        batch_size,
        loops,
        variation_seed,
        variation_strength,
        seed_mode,
        seed,
        drawing,
    )
    notes = (count, negative_count, styles_note, prompt_note, steps_note, cfg_note, size_note)
    return controls, Actions(paint, surprise, examples, reuse, open_picture, open_run, *notes)
