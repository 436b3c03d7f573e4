"""Filling the controls from settings: those of a picture somebody opens, of a run, of a picture in the gallery."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from components.form import Form
from components.standing_in import Named, standing_in
from components.visitors import Visitors
from studio import Studio
from studio.errors import StudioError
from studio.gallery import infotext, pictures


class Filling:
    """Handlers over one studio."""

    def __init__(self, studio: Studio, visitors: Visitors, form: Form) -> None:
        self._studio, self._visitors, self._form = studio, visitors, form

    def fill(self, request: gr.Request, path: str, chosen: str) -> tuple[Any, ...]:
        """The controls from a picture's infotext."""
        try:
            text = pictures.read_infotext(Path(path))
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None
        if not text:
            raise gr.Error("This picture carries no settings.", print_exception=False)
        found = infotext.parse(text)
        return self.filled(request, infotext.to_fields(found), chosen, Named.of(found))

    def filled(
        self, request: gr.Request, fields: dict[str, Any], chosen: str, named: Named = Named()
    ) -> tuple[Any, ...]:
        """Start picture and mask for the canvas, and every widget, from a request's fields; of pictures only those of
        whoever asks. What is ``named`` and not here is told, once; a model that is not leaves the ``chosen`` one."""
        owner = self._visitors.owner(request)
        sent = self._form.sent(fields, owner)
        fields, told = standing_in(self._studio.library, fields, named, chosen)
        if fields.get("image") and sent[0] is None:
            told.append("The picture this started from is not among yours here: bring it to the canvas.")
        if told:
            gr.Warning(escape(" ".join(told), quote=False))
        return sent + self._form.filled(fields, owner)
