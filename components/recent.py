"""The strip of recent pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

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
        preview=False,
        interactive=False,
        elem_id="recent",
        buttons=["download", "fullscreen"],
    )


def newest(collection: Collection, owner: str) -> list[str]:
    """An owner's newest pictures, as files that Gradio may serve.

    It serves copies in its own folder, which nobody can list: the folder of outputs itself stays
    closed, wherever it is.
    """
    return [_served(path) for path in collection.recent(owner, COUNT)]


_copies: dict[Path, str] = {}


def _served(path: Path) -> str:
    """Gradio's copy of a picture, made when it is first shown and again when Gradio has cleaned up."""
    if path not in _copies or not Path(_copies[path]).exists():
        _copies[path] = save_file_to_cache(path, cache_dir=get_upload_folder())
    return _copies[path]
