"""The gallery: an owner's finished pictures, searched, looked at, kept in order.

What its script asks goes past Gradio's queue, as in ``looking``: every call carries the token its
page was given, and what is not its owner's is not there. What fills the controls, or makes a file
to download, is an event of Gradio's, whose request says whose it is.
"""

from __future__ import annotations

import base64
import logging
import re
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import gradio as gr
from PIL import Image

from components import served
from components.form import fields_of
from components.latest import Latest
from components.stage import ASSETS, data_uri
from components.standing_in import Named
from components.visitors import Visitors
from studio import GenerationRequest, Studio
from studio.clips import beside
from studio.errors import StudioError, said
from studio.gallery import archive, infotext, pictures
from studio.gallery.kept import Kept
from studio.gallery.search import Search

log = logging.getLogger("stepwise")
Asked = dict[str, Any]
MOST_PICTURES, MOST_THUMBNAILS, MOST_CHOSEN = 600, 24, 2000
LONGEST_TEXT = 500


def build() -> Any:
    """The component, in the layout that is open."""
    return gr.HTML(
        "",
        html_template=(ASSETS / "gallery.html").read_text(encoding="utf-8"),
        js_on_load=(ASSETS / "gallery.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="gallery",
        padding=False,
    )


class Gallery:
    """Answers over one studio."""

    def __init__(self, studio: Studio, visitors: Visitors) -> None:
        self._studio, self._visitors = studio, visitors
        self._collection = studio.collection
        self._zips = Latest()

    def functions(self) -> list[Callable[[Asked], Any]]:
        """As plain functions, which is what Gradio takes, named as the script calls them."""

        def named(name: str, answer: Callable[[Asked, str], Asked]) -> Callable[[Asked], Asked]:
            def asked_for(asked: Asked) -> Asked:
                owner = self._visitors.known_as(asked.get("session")) if isinstance(asked, dict) else None
                try:
                    return answer(asked, owner) if owner else {}
                except (sqlite3.Error, OSError) as error:
                    log.exception("the gallery could not answer")
                    why = f"This could not be done: {said(error)}."
                    return {"message": f"{why} Free some space on the disk, then try again."}

            asked_for.__name__ = f"gallery_{name}"
            return asked_for

        return [
            named("page", self.page),
            named("choices", self.choices),
            named("thumbs", self.thumbs),
            named("picture", self.picture),
            named("star", self.star),
            named("tag", self.tag),
            named("throw", self.throw),
            named("undo", self.undo),
        ]

    def page(self, asked: Asked, owner: str) -> Asked:
        """Pictures, newest first, and how much room they take."""
        before = asked.get("before")
        found = self._collection.history.page(
            owner,
            _search(asked),
            before if type(before) is int else None,
            min(max(_number(asked.get("count")) or MOST_PICTURES, 1), MOST_PICTURES),
        )
        room, nearly = self._collection.gauge(owner)
        return {"pictures": [_tile(kept) for kept in found], "room": room, "nearly": nearly}

    def choices(self, asked: Asked, owner: str) -> Asked:
        """What can be filtered by."""
        found = self._collection.history.choices(owner, _thrown(asked))
        return {"model": found.models, "sampler": found.samplers, "size": found.sizes, "tag": found.tags}

    def thumbs(self, asked: Asked, owner: str) -> Asked:
        """Small pictures, by their ids."""
        answer: Asked = {}
        for kept in self._collection.history.of(_ids(asked.get("ids"))[:MOST_THUMBNAILS], owner, _thrown(asked)):
            try:
                answer[str(kept.id)] = data_uri(self._collection.thumbnail(kept))
            except (OSError, StudioError):  # its file is gone: the tile stays empty
                continue
        return answer

    def picture(self, asked: Asked, owner: str) -> Asked:
        """One picture as it is, with all that is known of it."""
        found = self._collection.history.of(_ids([asked.get("id")]), owner, _thrown(asked))
        if not found:
            return {}
        (kept,) = found
        try:
            file = self._collection.lies(kept)
            content, text = file.read_bytes(), pictures.read_infotext(file)
        except (OSError, StudioError):
            return {}
        return {
            "src": f"data:{pictures.MIME[file.suffix.lower()]};base64," + base64.b64encode(content).decode(),
            "name": archive.name_of(kept),
            "clip": served.address(clip) if (clip := beside(file)) else "",
            "infotext": text,
            "tags": self._collection.history.tags([kept.id]).get(kept.id, []),
            "facts": _facts(kept),
        }

    def star(self, asked: Asked, owner: str) -> Asked:
        """Give a picture its star, or take it."""
        kept = self._kept(asked.get("id"), owner)
        if kept is None:
            return {}
        self._collection.history.set_favourite(kept.id, owner, asked.get("on") is True)
        return {"favourite": asked.get("on") is True}

    def tag(self, asked: Asked, owner: str) -> Asked:
        """Give a picture its tags."""
        kept, tags = self._kept(asked.get("id"), owner), asked.get("tags")
        if kept is None or not isinstance(tags, list):
            return {}
        given = [_text(tag) for tag in tags if isinstance(tag, str)]
        return {"tags": self._collection.history.set_tags(kept.id, owner, given)}

    def throw(self, asked: Asked, owner: str) -> Asked:
        """Throw pictures away; they can be brought back."""
        return {"ids": self._collection.throw_away(_ids(asked.get("ids")), owner)}

    def undo(self, asked: Asked, owner: str) -> Asked:
        """Bring pictures back."""
        return {"ids": self._collection.bring_back(_ids(asked.get("ids")), owner)}

    # Events

    def settings_of(self, request: gr.Request, event: gr.EventData) -> tuple[dict[str, Any], Named]:
        """The fields of the request that makes a picture, and what else it names.

        Raises:
            gr.Error: if it is not here.
        """
        kept = self._asked_for(request, event)
        try:
            fields = fields_of(GenerationRequest.from_json(kept.request)) | {"model": kept.model}
            return fields, Named(model_hash=kept.model_hash, sampler=kept.sampler)
        except ValueError:  # of another version: what its infotext says
            found = infotext.parse(pictures.read_infotext(self._collection.file(kept)))
            return infotext.to_fields(found), Named.of(found)

    def start_from(self, request: gr.Request, event: gr.EventData) -> Image.Image:
        """A picture, to start from.

        Raises:
            gr.Error: if it is not here.
        """
        kept = self._asked_for(request, event)
        with Image.open(self._collection.file(kept), formats=pictures.KINDS) as picture:
            return picture.convert("RGB")

    def zip(self, request: gr.Request, event: gr.EventData) -> str:
        """The chosen pictures in one file, in Gradio's own folder under a name nobody guesses.

        Raises:
            gr.Error: if none of them is here, or the file could not be written.
        """
        owner = self._visitors.owner(request)
        found = self._collection.history.of(_ids(event._data.get("ids")), owner)
        if not found:
            raise gr.Error("None of these pictures is here any more.", print_exception=False)
        try:
            path = self._zips.place(owner, "stepwise-pictures.zip")
            archive.write(((kept, self._collection.file(kept)) for kept in found), path)
        except (OSError, StudioError) as error:
            self._zips.drop(owner)
            raise gr.Error(f"The zip could not be made: {said(error)}", print_exception=False) from None
        return str(path)

    def _asked_for(self, request: gr.Request, event: gr.EventData) -> Kept:
        kept = self._kept(event._data.get("id"), self._visitors.owner(request))
        if kept is None or not self._collection.file(kept).exists():
            raise gr.Error("This picture is not here any more.", print_exception=False)
        return kept

    def _kept(self, identity: Any, owner: str) -> Kept | None:
        return self._collection.history.find(identity, owner) if _ids([identity]) else None


def _tile(kept: Kept) -> Asked:
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.made))
    return {"id": kept.id, "prompt": kept.prompt[:LONGEST_TEXT], "made": made, "favourite": kept.favourite}


def _facts(kept: Kept) -> list[tuple[str, str]]:
    schedule = "" if kept.schedule == "Automatic" else f", {kept.schedule}"
    facts = [
        ("Made", _tile(kept)["made"]),
        ("Thrown away", time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.deleted)) if kept.deleted else ""),
        ("Size", f"{kept.width} × {kept.height}"),
        ("Length", _length(kept)),
        ("Sampler", f"{kept.sampler}{schedule}"),
        ("Steps", str(kept.steps)),
        ("CFG scale", f"{kept.cfg_scale:g}"),
        ("Seed", str(kept.seed) if kept.seed >= 0 else ""),
        ("Model", kept.model),
        ("Negative prompt", kept.negative_prompt),
    ]
    return [(name, value) for name, value in facts if value]


def _length(kept: Kept) -> str:
    """Of a film or a sound."""
    try:
        request = GenerationRequest.from_json(kept.request)
    except ValueError:  # of another version
        return ""
    if request.frames > 1:
        return f"{request.frames} frames, {request.fps} a second"
    return f"{request.seconds:g} s" if request.seconds else ""


def _search(asked: Asked) -> Search:
    """What the script looks for; whatever is not what it should be is not looked for."""
    size = re.fullmatch("([0-9]{1,5})×([0-9]{1,5})", _text(asked.get("size")))
    return Search(
        text=_text(asked.get("text")),
        model=_text(asked.get("model")),
        sampler=_text(asked.get("sampler")),
        tag=_text(asked.get("tag")),
        seed=_number(asked.get("seed")),
        size=(int(size[1]), int(size[2])) if size else None,
        since=_seconds(asked.get("since")),
        until=_seconds(asked.get("until")),
        favourites=asked.get("favourites") is True,
        thrown=_thrown(asked),
    )


def _thrown(asked: Asked) -> bool:
    """Whether it asks for what was thrown away."""
    return asked.get("thrown") is True


def _text(value: Any) -> str:
    return value[:LONGEST_TEXT].encode(errors="replace").decode() if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    return value if type(value) is int else None


def _seconds(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and abs(value) < 1e12 else None


def _ids(values: Any) -> list[int]:
    """Ids that may be some: whole numbers that SQLite knows."""
    given = values[:MOST_CHOSEN] if isinstance(values, list) else []
    return [value for value in given if type(value) is int and 0 <= value < 2**63]
