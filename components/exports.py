"""Files of a run to download: its strip in some form, its tree, or the run itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from components.latest import Latest
from studio import Run, Studio
from studio.errors import StudioError, said


class Exports:
    """Over one studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._latest = studio, Latest()

    def file(self, run: Run, kind: Any) -> str:
        """A run as a file of some kind, in the place of the one its owner was given before.

        Raises:
            gr.Error: if it could not be made.
        """
        try:
            return str(self._made(run, kind, self._latest.place(run.owner, run.id[:8])))
        except (StudioError, OSError) as error:
            self._latest.drop(run.owner)
            raise gr.Error(f"This could not be exported: {said(error)}", print_exception=False) from None

    def _made(self, run: Run, kind: Any, path: Path) -> Path:
        from studio.timeline import export  # here, since it loads PyTorch

        if kind == "run":
            run.save(path.with_suffix(".stepwise"))
            return path.with_suffix(".stepwise")
        if kind == "tree":
            return export.export_tree(self._studio.runs.tree(run), path.with_suffix(".png"))
        return export.export(run, kind, path.with_suffix(export.SUFFIXES.get(kind, "")))
