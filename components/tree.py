"""The tree of runs: which branch left which, where, and what it changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from components.stage import ASSETS, data_uri
from studio import Run, Studio
from studio.timeline import compare

MOST = 40
"""Runs shown, the newest trees first."""
SHORT = 60
STATES = {"Finished": "", "Paused": "paused", "Cancelled": "stopped", "Failed": "failed"}


def build() -> Any:
    """The component, in the layout that is open."""
    return gr.HTML(
        {"rows": [], "shown": ""},
        html_template=_asset("tree.html"),
        js_on_load=_asset("tree.js"),
        apply_default_css=False,
        elem_id="tree",
        padding=False,
    )


def _asset(name: str) -> str:
    return (Path(ASSETS) / name).read_text(encoding="utf-8")


def value(studio: Studio, owner: str, shown: Run | None) -> dict[str, Any]:
    """What the component shows: an owner's runs, tree by tree, branches below what they leave."""
    trees: dict[str, list[Run]] = {}
    kept = [run for run in studio.runs.of(owner) if not run.draft]
    for run in reversed(kept[-MOST:]):
        trees.setdefault(run.root.id, []).append(run)
    rows = [_row(run) for tree in trees.values() for run in reversed(tree)]
    return {"rows": rows, "shown": shown.id if shown else ""}


def title(run: Run) -> str:
    """What a run is called: its name, or what makes it different."""
    if run.name:
        return run.name
    if run.parent is None:
        return _short(run.request.prompt or "no prompt")
    changes = compare.differences(run.parent.request, run.request)
    said = ", ".join(each.sentence for each in changes)
    return f"from {run.kept}: {_short(said) or 'unchanged'}"


def _row(run: Run) -> dict[str, Any]:
    steps = run.kept + len(run.recording)
    end = type(run.last_event).__name__ if run.ended else ""
    return {
        "id": run.id,
        "parent": run.parent.id if run.parent else "",
        "kept": run.kept,
        "steps": steps,
        "total": max(run.evaluations, steps),
        "title": title(run),
        "name": run.name,
        "note": run.note,
        "state": STATES.get(end, "painting"),
        "thumb": _thumb(run),
    }


def _thumb(run: Run) -> str:
    """The last picture there is without decoding or reading a file."""
    newest = run.recording.newest
    draft = run.thumbnail or (newest.draft if newest else None)
    return data_uri(draft) if draft else ""


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"
