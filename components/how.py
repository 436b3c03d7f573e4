"""How it works: noise any picture by hand, in both spaces, then let the model bring it back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from components.schema import UNOPENED
from components.stage import data_uri
from studio import Studio
from studio.errors import StudioError
from studio.models.library import EMBEDDED_FOLDER

LAST = 999
SAMPLE, SHOWN = 128, (2, 3)
"""Pixels of a sample, and its column and row in the sheet: a banana on the moon."""
INTRODUCTION = """
### From a picture to noise, and back

A diffusion model learns one thing: to see the picture in noise. While it is trained, pictures are noised step by
step (the *forward process*), until nothing is left of them; it learns to say, at every step, what the clean picture
was. To paint, it starts from pure noise and walks the same way back (the *reverse process*), a little at a time,
led by your words.

Drop a picture, and move the slider through the very steps this model was trained on. On the left the noise is added
to the pixels; on the right to the *latents*, the small tensor that the model really works on. An autoencoder
translates between the two.
"""


@dataclass(frozen=True)
class How:
    """Its tab and widgets."""

    tab: Any
    picture: Any
    timestep: Any
    shown: Any
    back: Any


def build(tab: Any) -> How:
    """Build the part inside its tab, which is open."""
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280, scale=2):
            gr.Markdown(INTRODUCTION)
            picture = gr.Image(
                _sample(),
                **UNOPENED,
                sources=["upload", "clipboard"],
                label="Any picture",
                height=200,
                elem_id="how-picture",
                buttons=[],
            )
            timestep = gr.Slider(
                0, LAST, 250, step=1, label="Noise: 0 is clean, 999 leaves nothing", elem_id="how-timestep", buttons=[]
            )
            back = gr.Button("Let the model bring it back from here", variant="primary", elem_id="how-back")
        with gr.Column(min_width=280, scale=3):
            shown = gr.HTML("", elem_id="how-shown", padding=False)
    return How(tab, picture, timestep, shown, back)


def _sample() -> Image.Image:
    """One of the model's own pictures, to begin with: from the sheet of samples."""
    left, top = (SAMPLE * cell for cell in SHOWN)
    with Image.open(EMBEDDED_FOLDER / "samples.jpg") as sheet:
        return sheet.crop((left, top, left + SAMPLE, top + SAMPLE))


def shown(studio: Studio, picture: str | None, timestep: float) -> str:
    """HTML of the picture in a file at a noise level, in both spaces."""
    if picture is None:
        return '<p class="sw-hint">Drop a picture first.</p>'
    try:
        found = studio.noised(studio.inputs.read(Path(picture)), int(timestep))
    except StudioError as error:
        return f'<p class="sw-hint">{escape(str(error))}</p>'
    numbers = f"timestep {found.timestep} of {LAST} · noise σ {found.sigma:.3g} · log-SNR {_number(found.log_snr)}"
    panels = (
        ("Pixel space", found.pixels, _size(found.pixel_shape), "The picture itself, noised."),
        ("Latent space", found.latents, _size(found.latent_shape), "What the model sees: each channel in grey."),
        ("Decoded", found.decoded, "", "What the autoencoder makes of those latents."),
    )
    figures = "".join(
        f'<figure><img src="{data_uri(jpeg)}" alt="{name}"><figcaption><b>{name}</b> {size}<br>{said}</figcaption>'
        "</figure>"
        for name, jpeg, size, said in panels
    )
    return f'<p class="sw-numbers-line" role="status">{numbers}</p><div class="sw-spaces">{figures}</div>'


def strength(timestep: float) -> float:
    """How much of the way back there is to walk from a timestep, as the strength of a run."""
    return min(max(round(timestep / LAST, 2), 0.05), 1.0)


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) + f" = {math.prod(shape):,} numbers"


def _number(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.2f}"
