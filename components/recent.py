"""The strip of recent pictures."""

from __future__ import annotations

from typing import Any

import gradio as gr

from components import served
from studio.gallery.collection import Collection

COUNT = 24


def build() -> Any:
    """The component, in the layout that is open."""
    return gr.Gallery(
        label="Recent pictures",
        show_label=False,
        columns=COUNT,
        rows=1,
        height=104,
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        elem_id="recent",
        buttons=["download", "fullscreen"],
    )


def newest(collection: Collection, owner: str) -> list[str]:
    """An owner's newest pictures, as files that Gradio may serve."""
    return [served.copy(path) for path in collection.recent(owner, COUNT)]
