"""The footer: what paints here, how fast, and what the previews cost."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from studio.status import State

EVERY_S = 2.0


def build() -> Any:
    """The component, in the layout that is open."""
    return gr.HTML("", elem_id="footer", padding=False)


def text(state: State, queue: int) -> str:
    """HTML of one reading."""
    if not state.ready:
        return f'<span class="sw-busy" role="status">{escape(state.message)} …</span>'
    parts = [f"<b>{escape(state.placement)}</b>"]
    if state.step_s:
        parts.append(f"{1 / state.step_s:.1f} steps/s")
        parts.append(f"previews cost {state.preview_share:.0%}")
    if queue:
        parts.append(f"{queue} waiting")
    return "".join(f"<span>{part}</span>" for part in parts)
