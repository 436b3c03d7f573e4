"""The strip of recent pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from studio.gallery import pictures

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
        preview=False,
        interactive=False,
        elem_id="recent",
        buttons=["download", "fullscreen"],
    )


def newest(outputs: Path, owner: str) -> list[str]:
    """Files of an owner's newest pictures."""
    return [str(path) for path in pictures.recent(outputs, owner, COUNT)]
