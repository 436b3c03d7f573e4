"""The branch panel: paint on from the step that is looked at, under the settings on the left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

HEADING = """<h2 class="sw-heading">Branch from <span class="sw-at">a step</span></h2>
<p class="sw-hint sw-no-branch">Paint something, then go on from any of its steps with other settings.</p>"""


@dataclass(frozen=True)
class Branching:
    """Its widgets."""

    at: Any
    remaining: Any
    noise_seed: Any
    note: Any
    branch: Any


def build() -> Branching:
    """Build the panel inside the layout that is open."""
    with gr.Column(elem_id="branching", min_width=0):
        gr.HTML(HEADING, padding=False)
        note = gr.HTML("", elem_classes="sw-note", elem_id="differences", padding=False)
        with gr.Row():
            remaining = gr.Textbox(label="Steps to come", placeholder="as before", elem_id="remaining", min_width=90)
            noise_seed = gr.Textbox(label="Noise seed", placeholder="same noise", elem_id="noise-seed", min_width=90)
        branch = gr.Button("Branch  ·  B", variant="secondary", elem_id="branch")
        at = gr.Textbox(visible=False)
    return Branching(at, remaining, noise_seed, note, branch)
