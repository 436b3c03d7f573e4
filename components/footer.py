"""The footer: what paints here, how fast, and what the previews cost."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from studio.status import State
from studio.timeline.runs import Gauge

EVERY_S = 2.0


def build() -> Any:
    """The component, in the layout that is open."""
    return gr.HTML("", elem_id="footer", padding=False)


def text(state: State, queue: int, kept: Gauge | None) -> str:
    """HTML of one reading. Only whoever runs the studio is told how full its memory is, and why: ``kept`` is None
    for others."""
    if not state.ready:
        return f'<span class="sw-busy" role="status">{escape(state.message)} …</span>'
    placement = escape(" · ".join(filter(None, (state.placement, state.plan if kept else ""))))
    parts = [f'<b title="{placement}">{placement}</b>']
    if state.step_s:
        parts.append(f"{1 / state.step_s:.1f} steps/s")
        parts.append(f"previews cost {state.preview_share:.0%}")
    if kept and kept.runs:
        parts.append(_gauge(kept))
    if queue:
        parts.append(f"{queue} waiting")
    return "".join(f"<span>{part}</span>" for part in parts)


def _gauge(kept: Gauge) -> str:
    """How full the memory of kept steps is."""
    share = min(kept.used / max(kept.budget, 1), 1)
    used = f"{kept.used / 2**20:.1f} of {kept.budget / 2**20:.0f} MB"
    disk = f", {kept.on_disk} on disk" if kept.on_disk else ""
    bar = f'<meter value="{share:.3f}" aria-label="Memory of kept steps"></meter>'
    return f"kept steps {bar} {used}{disk}"
