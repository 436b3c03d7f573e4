"""Finished files as something a browser may ask for."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

_copies: dict[Path, str] = {}


def copy(path: Path) -> str:
    """Gradio's copy of a file, made when it is first shown and again when Gradio has cleaned up.

    It serves copies in its own folder, which nobody can list: the folder of outputs itself stays
    closed, wherever it is.
    """
    if path not in _copies or not Path(_copies[path]).exists():
        _copies[path] = save_file_to_cache(path, cache_dir=get_upload_folder())
    return _copies[path]


def address(path: Path) -> str:
    """Where a file's copy is, from the page's address on."""
    return "gradio_api/file=" + quote(copy(path))
