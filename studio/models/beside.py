"""What lies beside a model: a picture of what it makes, and what people and other programs wrote about it.

``name.json`` is the AUTOMATIC1111 web UI's, ``name.civitai.info`` is what its Civitai extensions write, ``name.txt``
is a person's own. All of it is strangers' text: read in small pieces, cut short, believed in nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub.repocard import metadata_load

_PICTURES = tuple(f"{middle}.{kind}" for middle in (".preview", "") for kind in ("png", "jpg", "jpeg", "webp"))
_TEXTS = (".json", ".civitai.info", ".txt")
_MOST_BYTES = 2**20
LONGEST = 400
"""Characters of anything that is said about a model."""


@dataclass(frozen=True)
class Beside:
    """What is said about a model beside it; empty where nothing is."""

    title: str = ""
    trigger_words: str = ""
    base_model: str = ""
    licence: str = ""
    notes: str = ""


def beside(path: Path) -> Beside:
    """What is said beside a file, or in the card of a folder. Never raises."""
    if path.is_dir():
        return Beside(licence=_licence_of_card(path / "README.md"))
    own, shared = read_json(_sibling(path, ".json")), read_json(_sibling(path, ".civitai.info"))
    model = shared.get("model")
    words = shared.get("trainedWords")
    listed = ", ".join(word for word in words if isinstance(word, str)) if isinstance(words, list) else ""
    return Beside(
        title=said(model.get("name")) if isinstance(model, dict) else "",
        trigger_words=said(own.get("activation text")) or said(listed),
        base_model=said(own.get("sd version")) or said(shared.get("baseModel")),
        notes=said(own.get("notes")) or said(own.get("description")) or said(_text(_sibling(path, ".txt"))),
    )


def stamp(path: Path) -> tuple[int, ...]:
    """What changes when something that is said beside a model does."""
    if path.is_dir():
        return ()
    return tuple(_changed(_sibling(path, ending)) for ending in _TEXTS)


def picture(path: Path) -> Path | None:
    """The picture beside a file or a folder, if there is one."""
    return next((found for ending in _PICTURES if (found := _sibling(path, ending)).is_file()), None)


def said(value: object) -> str:
    """A text as it may stand on a page: one line without characters that do not print, and not endless."""
    text = value[: 4 * LONGEST] if isinstance(value, str) else ""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def read_json(path: Path) -> dict[str, Any]:
    """The object a small JSON file holds; empty where it holds none, is too large or is not there."""
    return as_object(_text(path))


def as_object(text: str) -> dict[str, Any]:
    """The object that a JSON text is; empty where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.stat().st_size <= _MOST_BYTES else ""
    except OSError:
        return ""


def _licence_of_card(card: Path) -> str:
    """What the card of a repository on the hub says in its front matter."""
    if not _text(card):
        return ""
    try:
        told = metadata_load(card) or {}
    except Exception:  # whatever a stranger's YAML makes its reader raise
        return ""
    return said(told.get("license_name")) or said(told.get("license"))


def _sibling(path: Path, ending: str) -> Path:
    return path.with_name((path.name if path.is_dir() else path.stem) + ending)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
