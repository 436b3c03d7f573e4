"""The model card tab: what the embedded model is, was trained on, and can do."""

from __future__ import annotations

import re

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
            gr.Markdown(text("DATA.md"))


def text(name: str) -> str:
    """A card as Markdown for the page: without its front matter, and with what only works among
    the files (relative pictures and links) left out."""
    raw = (EMBEDDED_FOLDER / name).read_text(encoding="utf-8")
    body = re.sub(r"\A---\n.*?\n---\n", "", raw, flags=re.DOTALL)
    body = re.sub(r"!\[[^]]*]\((?!https?:)[^)]*\)\s*", "", body)
    return re.sub(r"\[([^]]*)]\((?!https?:)[^)]*\)", r"\1", body)
