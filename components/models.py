"""The models: those that are here, and those of the catalogue that could be.

What its script asks goes past Gradio's queue, as in ``gallery``. Who runs this studio sees everything and downloads;
everybody else who paints sees which models there are to paint with, and nothing of where they lie.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gradio as gr

from components.fitting import vae_menu
from components.stage import ASSETS, data_uri
from components.visitors import Visitors
from studio import Studio
from studio.errors import ModelUnavailable, StudioError
from studio.gallery.pictures import LOCAL
from studio.models import beside
from studio.models.catalogue import CATALOGUE, Entry
from studio.models.family import Kind, Nature
from studio.models.hashes import short, spelt
from studio.models.library import EMBEDDED, EMBEDDED_FOLDER, EMBEDDED_QUICK
from studio.models.scan import Found

log = logging.getLogger("stepwise")
Asked = dict[str, Any]
MOST_MODELS, MOST_THUMBNAILS, LONGEST_TEXT = 60, 24, 200
UNREADABLE = "unreadable"
PICTURES = {EMBEDDED: "samples.jpg", EMBEDDED_QUICK: "few-steps.jpg"}
_EMBEDDED = Nature(Kind.CHECKPOINT, "Stepwise")
OURS = (
    Found(
        EMBEDDED_FOLDER, EMBEDDED, _EMBEDDED, 0, licence="apache-2.0", notes="Comes with Stepwise; its card is below."
    ),
    Found(
        EMBEDDED_FOLDER / "few-steps",
        EMBEDDED_QUICK,
        _EMBEDDED,
        0,
        licence="apache-2.0",
        notes="The same in four steps, for painting while you draw.",
    ),
)


def build() -> Any:
    """The component, in the layout that is open."""
    return gr.HTML(
        "",
        html_template=(ASSETS / "models.html").read_text(encoding="utf-8"),
        js_on_load=(ASSETS / "models.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="models",
        padding=False,
    )


class Models:
    """Answers over one studio's library, catalogue and downloads."""

    def __init__(self, studio: Studio, visitors: Visitors) -> None:
        self._studio, self._visitors = studio, visitors

    def functions(self) -> list[Callable[[Asked], Any]]:
        """As plain functions, which is what Gradio takes, named as the script calls them."""

        def named(name: str, answer: Callable[[Asked, bool], Asked], owner_only: bool = True) -> Callable[..., Asked]:
            def asked_for(asked: Asked) -> Asked:
                person = self._visitors.known_as(asked.get("session")) if isinstance(asked, dict) else None
                if person is None or (owner_only and person != LOCAL):
                    return {}
                try:
                    return answer(asked, person == LOCAL)
                except (StudioError, OSError) as error:
                    return {"message": str(error)}

            asked_for.__name__ = f"models_{name}"
            return asked_for

        return [
            named("page", self.page, owner_only=False),
            named("thumbs", self.thumbs, owner_only=False),
            named("catalogue", self.catalogue),
            named("progress", self.progress),
            named("start", self.start),
            named("cancel", self.cancel),
            named("discard", self.discard),
        ]

    def page(self, asked: Asked, owner: bool) -> Asked:
        """Models that are here, so many from one on, and how many there are of each kind."""
        there = [found for found in self._all() if owner or not found.problem]
        fitting = list(_matching(there, _text(asked.get("text")), owner))
        counts = Counter(_kind(found) for found in fitting)
        kind = _text(asked.get("kind"))
        of_kind = [found for found in fitting if not kind or _kind(found) == kind]
        first = max(_number(asked.get("first")), 0)
        uses = self._uses()
        shown = [self._row(found, uses, owner) for found in of_kind[first : first + MOST_MODELS]]
        state = {"all": len(there), "scanning": self._studio.library.scanning, "owner": owner}
        return {"models": shown, "total": len(of_kind), "kinds": dict(counts)} | state

    def thumbs(self, asked: Asked, _: bool) -> Asked:
        """Small pictures, by the models' ids."""
        wanted = asked.get("ids")
        ids = set(wanted[:MOST_THUMBNAILS]) if isinstance(wanted, list) and _all_text(wanted) else set()
        answer: Asked = {}
        for found in self._all():
            picture = _picture(found) if _key(found) in ids else None
            if picture is None:
                continue
            try:
                stamp = f"{picture}:{picture.stat().st_mtime_ns}"
                answer[_key(found)] = data_uri(self._studio.portraits.get(_number_of(stamp), picture))
            except (OSError, StudioError):  # gone, or no picture that can be read: its place stays empty
                continue
        return answer

    def catalogue(self, _: Asked, __: bool) -> Asked:
        """Everything that can be downloaded."""
        here = {found.name for found in self._all()}
        return {"entries": [self._entry(entry, entry.name in here) for entry in CATALOGUE.values()]}

    def progress(self, _: Asked, __: bool) -> Asked:
        """Where downloads are that were asked for."""
        found = {name: self._studio.downloads.progress(name) for name in CATALOGUE}
        return {name: dataclasses.asdict(progress) for name, progress in found.items() if progress}

    def start(self, asked: Asked, owner: bool) -> Asked:
        """Have a model come; its licence is accepted where the page says that it was."""
        entry = CATALOGUE.get(_text(asked.get("name")))
        if entry is None:
            raise ModelUnavailable("The catalogue has no model of that name.")
        if asked.get("accepted") is True:
            self._studio.downloads.licences.accept(entry.licence)
        self._studio.downloads.start(entry.name)
        return self.progress(asked, owner)

    def cancel(self, asked: Asked, owner: bool) -> Asked:
        """Stop a download."""
        self._studio.downloads.cancel(_text(asked.get("name")))
        return self.progress(asked, owner)

    def discard(self, asked: Asked, owner: bool) -> Asked:
        """Throw away what has come of one."""
        self._studio.downloads.discard(_text(asked.get("name")))
        return self.progress(asked, owner)

    # Events

    @property
    def names(self) -> list[str]:
        """The names of all models that can be painted."""
        return self._studio.library.names

    def chosen(self, event: gr.EventData) -> str:
        """The model to paint with.

        Raises:
            gr.Error: if it is not here any more.
        """
        name = event._data.get("name")
        if name not in self.names:
            raise gr.Error("This model is not here any more: look at the list again.", print_exception=False)
        return str(name)

    def decodes(self, model: str, event: gr.EventData) -> Any:
        """The VAE menu of the model that is chosen, with one of them chosen.

        Raises:
            gr.Error: if it does not go with that model.
        """
        name, fitting = event._data.get("name"), self._studio.library.vaes(model)
        if name not in fitting:
            raise gr.Error(f"This VAE does not go with {model}: choose another model first.", print_exception=False)
        return vae_menu(fitting, str(name))

    def leads(self, event: gr.EventData) -> Any:
        """The menu of ControlNets, with one of them chosen.

        Raises:
            gr.Error: if it is not here any more.
        """
        name, there = event._data.get("name"), self._studio.library.controls
        if name not in there:
            raise gr.Error("This ControlNet is not here any more: look at the list again.", print_exception=False)
        return gr.Dropdown(choices=there, value=str(name))

    def _all(self) -> Iterable[Found]:
        return [*OURS, *sorted(self._studio.library.found, key=lambda found: found.name.lower())]

    def _uses(self) -> dict[str, dict[Path, str]]:
        """For each of the things that a row offers to do with a model, the names it is asked for by."""
        library = self._studio.library
        return {
            "paint": library.painted_as() | {found.path: found.name for found in OURS},
            "tag": {found.path: f"<lora:{name}:1>" for name, found in library.of_kind(Kind.LORA).items()},
            "vae": {found.path: name for name, found in library.of_kind(Kind.VAE).items()},
            "control": {library.control_folder(name): name for name in library.controls},
        }

    def _row(self, found: Found, uses: dict[str, dict[Path, str]], owner: bool) -> Asked:
        """What the page shows of a model."""
        offered = {use: names.get(found.path, "") for use, names in uses.items()}
        known: Asked = {"id": _key(found), "name": offered["paint"] or found.name, "kind": _kind(found)}
        known |= offered | {"family": found.nature.family, "picture": _picture(found) is not None}
        if not owner:
            return known
        sha256 = self._studio.library.sha256(found)
        said = {"title": found.title, "words": found.trigger_words, "licence": found.licence, "notes": found.notes}
        facts = {
            "Made for inpainting": "yes" if found.nature.inpainting else "",
            "Prediction": found.nature.prediction,
            "Made from": found.base_model,
            "SHA-256": sha256,
            "Hash of its weights": found.header_hash,
            "Where": "" if found in OURS else spelt(found.path),
        }
        return (
            known
            | said
            | {"size": size_of(found.size), "hash": short(sha256), "problem": found.problem}
            | {"lacking": "" if found in OURS else self._studio.library.lacking(found)}
            | {"facts": [(name, value) for name, value in facts.items() if value]}
        )

    def _entry(self, entry: Entry, here: bool) -> Asked:
        downloads = self._studio.downloads
        return {
            "name": entry.name,
            "title": entry.title,
            "kind": entry.kind.value,
            "family": entry.family,
            "note": entry.note,
            "download": f"{size_of(entry.download)} to download" if entry.download else "size unknown until it begins",
            "memory": size_of(entry.memory),
            "settings": _settings(entry),
            "licence": {"name": entry.licence.name, "url": entry.licence.url},
            "accepted": downloads.licences.accepted(entry.licence),
            "gated": entry.gated,
            "page": f"https://huggingface.co/{entry.repo}",
            "here": here,
            "paints": entry.kind != Kind.CHECKPOINT or _would_paint(entry),
            "kept": size_of(downloads.kept(entry.name)),
        }


def size_of(count: int) -> str:
    """Bytes as people read them; nothing for none."""
    if not count:
        return ""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.{0 if count >= 1e7 else 1}f} MB"


def _settings(entry: Entry) -> str:
    fitting = entry.fitting
    if fitting is None:
        return ""
    side = f", {fitting.side} px" if fitting.side else ""
    return f"{fitting.sampler}, {fitting.steps} steps, CFG {fitting.cfg_scale:g}{side}"


def _would_paint(entry: Entry) -> bool:
    """Whether the engine could paint with it if it were here."""
    return Found(EMBEDDED_FOLDER, entry.name, Nature(entry.kind, entry.family), 0).paintable


def _matching(models: Iterable[Found], text: str, owner: bool) -> Iterable[Found]:
    """Those in whose names and words all words of a text stand."""
    words = text.lower().split()
    for found in models:
        said = [found.name, found.nature.family]
        if owner:
            said += [found.title, found.trigger_words, found.base_model, found.notes, found.nature.kind]
        if all(word in " ".join(said).lower() for word in words):
            yield found


def _kind(found: Found) -> str:
    return UNREADABLE if found.problem else found.nature.kind.value


def _picture(found: Found) -> Any:
    return EMBEDDED_FOLDER / PICTURES[found.name] if found in OURS else beside.picture(found.path)


def _key(found: Found) -> str:
    """An id that tells nothing of where a model lies."""
    return hashlib.sha256(str(found.path).encode(errors="replace")).hexdigest()[:16]


def _number_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode(errors="replace")).digest()[:7], "big")


def _text(value: Any) -> str:
    return value[:LONGEST_TEXT] if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if type(value) is int else 0


def _all_text(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
