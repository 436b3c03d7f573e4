"""Files of a run to download: its strip in some form, its tree, or the run itself."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from studio import Run, Studio
from studio.errors import StudioError


class Exports:
    """Over one studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def file(self, run: Run, kind: Any) -> str:
        """A run as a file of some kind.

        Raises:
            gr.Error: if it could not be made.
        """
        try:
            with tempfile.TemporaryDirectory() as folder:
                made = self._made(run, kind, Path(folder) / run.id[:8])
                return save_file_to_cache(made, cache_dir=get_upload_folder())
        except (StudioError, OSError) as error:
            raise gr.Error(f"This could not be exported: {error}", print_exception=False) from None

    def _made(self, run: Run, kind: Any, path: Path) -> Path:
        from studio.timeline import export  # here, since it loads PyTorch

        if kind == "run":
            run.save(path.with_suffix(".stepwise"))
            return path.with_suffix(".stepwise")
        if kind == "tree":
            return export.export_tree(self._studio.runs.tree(run), path.with_suffix(".png"))
        return export.export(run, kind, path.with_suffix(export.SUFFIXES.get(kind, "")))
