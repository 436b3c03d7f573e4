"""The inspector: what the step that is looked at holds. Drawn and asked for by its script."""

from __future__ import annotations

from typing import Any

import gradio as gr

from components.stage import ASSETS


def build() -> Any:
    """The component, in the layout that is open."""
    return gr.HTML(
        "",
        html_template=(ASSETS / "inspector.html").read_text(encoding="utf-8"),
        js_on_load=(ASSETS / "inspector.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="inspector",
        padding=False,
    )
