"""What Gradio's page may send.

The body of every event is checked before Gradio sees it, so that what no page would send is answered with
a sentence instead of an exception, and the address of a picture is refused, not fetched.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from gradio.utils import get_upload_folder

from studio.errors import UnreadablePicture
from studio.gallery.inputs import look

CHECKED = re.compile(r"/gradio_api/(?P<kind>queue/join|run|component_server)(/[\w-]*)?/?")
"""Gradio answers to most of its routes with a slash at the end as well."""
MOST_BYTES = 2**20
MOST_FILES = 64
"""In one event: the page sends a handful."""
SESSION = re.compile(r"[\w-]{1,64}")
NOT_OURS = "This is nothing that the page sends: reload it and try again."
FILE_GONE = "This file is not on the server: bring it again."
TOO_LONG = "This is too long: make the text shorter."
UNOPENED: dict[str, Any] = {"type": "filepath", "image_mode": None}
"""Options of an image widget that leave the file as it was uploaded: Gradio would read all of its pixels, in
every format that Pillow knows, Ghostscript's among them."""
CHOICES = (gr.Dropdown, gr.Radio, gr.Button)


class Refused(ValueError):
    """A body is not what it should be; the sentence says why."""


class Schema:
    """The bodies that the events of one page take."""

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page

    def refusal(self, path: str, content: bytes) -> str:
        """Why the body of a request to that path is refused; empty where it is good."""
        found = CHECKED.fullmatch(path)
        if found is None:
            return ""
        try:
            body = parsed(content)
            self._check_call(body) if found["kind"] == "component_server" else self._check_event(body)
        except Refused as error:
            return str(error)
        return ""

    def _check_event(self, body: dict[str, Any]) -> None:
        number = body.get("fn_index")
        data: Any = body.get("data")
        event: Any = self._page.fns.get(number) if type(number) is int else None
        _demand(event is not None and event.fn is not None)
        _demand(isinstance(body.get("session_hash"), str) and SESSION.fullmatch(body["session_hash"]))
        _demand(not body.get("batched") and not body.get("simple_format"))
        _demand(isinstance(data, list) and len(data) == len(event.inputs))
        _demand(isinstance(body.get("event_data"), dict) or not event.collects_event_data)
        for widget, value in zip(event.inputs, data, strict=True):
            check_value(widget, value)

    def _check_call(self, body: dict[str, Any]) -> None:
        number = body.get("component_id")
        widget = self._page.blocks.get(number) if type(number) is int else None
        names = [function.__name__ for function in getattr(widget, "server_fns", ())]
        _demand(body.get("fn_name") in names and isinstance(body.get("data"), dict))
        _demand(isinstance(body.get("session_hash"), str) and SESSION.fullmatch(body["session_hash"]))


def parsed(content: bytes) -> dict[str, Any]:
    """The object that a body holds: finite numbers, whole characters, files that were uploaded.

    Raises:
        Refused: if it is none.
    """
    _demand(len(content) <= MOST_BYTES, TOO_LONG)
    try:
        body = json.loads(content, parse_constant=_refuse)
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Refused(NOT_OURS) from None
    _demand(isinstance(body, dict))
    files = list(_files(body))
    _demand(len(files) <= MOST_FILES)
    for file in files:
        _check_file(file)
    return dict(body)


def check_value(widget: Any, value: Any) -> None:
    """Accept what a widget may have for its value.

    Raises:
        Refused: with a sentence that names the widget.
    """
    match widget:
        case gr.Slider() | gr.Number():
            _check_number(widget, value)
        case gr.Checkbox():
            _demand(type(value) is bool)
        case gr.Dropdown() if widget.multiselect:
            _demand(isinstance(value, list) and all(isinstance(each, str) for each in value))
        case gr.UploadButton():
            _demand(isinstance(value, dict) and "meta" in value, FILE_GONE)
        case gr.Image():
            _demand(value is None or (isinstance(value, dict) and "meta" in value), FILE_GONE)
            _check_picture(value)
        case gr.Textbox():
            _demand(value is None or isinstance(value, str))
        case _ if isinstance(widget, CHOICES):
            _demand(isinstance(value, str))


def _check_number(widget: Any, value: Any) -> None:
    """An emptied field of a number is left to whoever reads it; an emptied slider Gradio cannot read."""
    if value is None and not isinstance(widget, gr.Slider):
        return
    least = -sys.float_info.max if widget.minimum is None else widget.minimum
    most = sys.float_info.max if widget.maximum is None else widget.maximum
    known = type(value) in (int, float) and least <= value <= most  # so it is finite, and no integer of 400 digits
    bounds = f" from {least:g} to {most:g}" if None not in (widget.minimum, widget.maximum) else ""
    _demand(known, f"{widget.label} must be a number{bounds}.")


def _files(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in a body that Gradio would take for a file."""
    if isinstance(value, dict):
        if "meta" in value:
            yield value
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _files(item)


def _check_file(file: dict[str, Any]) -> None:
    """Gradio fetches a path that is an address, and reads an address that is a picture by itself."""
    try:
        given = FileData.model_validate(file)
        found = Path(given.path).resolve(strict=True)
        inside = found.is_relative_to(Path(get_upload_folder()).resolve()) and found.is_file()
    except (OSError, ValueError, TypeError, RuntimeError):  # no file, a name none can have, links in a circle
        raise Refused(FILE_GONE) from None
    _demand(inside and not (given.url or "").startswith("data:"), FILE_GONE)


def _check_picture(value: dict[str, Any] | None) -> None:
    """Gradio opens a picture before any handler hears of it, and has no sentence for what is none."""
    try:
        if value is not None:
            look(Path(value["path"]))
    except UnreadablePicture as error:
        raise Refused(str(error)) from None


def _demand(good: Any, sentence: str = NOT_OURS) -> None:
    if not good:
        raise Refused(sentence)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
