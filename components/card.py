"""The model card tab: what the embedded model is, was trained on, and can do."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape

import gradio as gr

from studio.models.library import EMBEDDED_FOLDER


def build() -> None:
    """Build the part inside the layout that is open."""
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280, scale=3):
            gr.Markdown(text("README.md"), elem_id="card")
        with gr.Column(min_width=280, scale=2):
            gr.Image(
                str(EMBEDDED_FOLDER / "samples.jpg"),
                label="Samples in the order of the exam, not chosen",
                show_label=False,
                interactive=False,
                buttons=["fullscreen"],
                elem_id="card-samples",
            )
            gr.HTML(curves(), elem_id="card-curves", padding=False)
            gr.Markdown(text("DATA.md"))


def curves() -> str:
    """HTML of the loss curves that ship with the model, a small drawing for each stage; empty without any."""
    shipped = EMBEDDED_FOLDER / "curves.json"
    if not shipped.exists():
        return ""
    drawn = "".join(_curve(stage, points) for stage, points in json.loads(shipped.read_text(encoding="utf-8")).items())
    return f'<h2>Loss curves</h2><div class="sw-spaces">{drawn}</div>'


def _curve(stage: str, points: Sequence[tuple[float, float]]) -> str:
    """One stage's loss over its minutes of training, drawn from its least to its largest value."""
    minutes, losses = zip(*points, strict=True)
    least, span = min(losses), (max(losses) - min(losses)) or 1.0
    line = " ".join(f"{240 * at / minutes[-1]:.1f},{80 - 76 * (loss - least) / span:.1f}" for at, loss in points)
    told = f"{escape(stage)}: loss {losses[0]:.3g} to {losses[-1]:.3g} in {minutes[-1]:.0f} minutes"
    return (
        f'<figure><svg class="sw-curves" viewBox="0 0 240 84" preserveAspectRatio="none" role="img" '
        f'aria-label="{told}"><polyline class="sw-a" points="{line}"/></svg><figcaption>{told}</figcaption></figure>'
    )


def text(name: str) -> str:
    """A card as Markdown for the page: without its front matter, and with what only works among
    the files (relative pictures and links) left out."""
    raw = (EMBEDDED_FOLDER / name).read_text(encoding="utf-8")
    body = re.sub(r"\A---\n.*?\n---\n", "", raw, flags=re.DOTALL)
    body = re.sub(r"!\[[^]]*]\((?!https?:)[^)]*\)\s*", "", body)
    return re.sub(r"\[([^]]*)]\((?!https?:)[^)]*\)", r"\1", body)
