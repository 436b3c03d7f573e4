"""The canvas: where a picture, a mask, colours and lines are drawn to start from.

Everything happens in the browser (``assets/page/canvas/*.js``). What was drawn comes to Python as
the JSON that ``window.stepwise.canvas.layers()`` answers, which names PNG files it has uploaded;
that is text from outside, so ``Layers.of`` believes none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from components.stage import ASSETS
from studio.errors import RequestRefused, UnreadablePicture

SCRIPTS = (
    "document", "paint", "rasters", "grey_png", "store", "pictures", "view",
    "screen", "drawing", "pointer", "keys", "canvas", "tools", "beside",
)  # fmt: skip
"""The parts of its script, in the order in which they build on each other."""
LEAST_SIDE, MOST_SIDE = 16, 8192


def build() -> Any:
    """The component, in the layout that is open."""
    return gr.HTML(
        "",
        html_template=(ASSETS / "canvas.html").read_text(encoding="utf-8"),
        js_on_load="\n".join((ASSETS / "canvas" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS),
        apply_default_css=False,
        elem_id="canvas",
        padding=False,
    )


@dataclass(frozen=True)
class Layers:
    """What was drawn: the document's size in px and a file for each layer that is not empty.

    ``picture`` is opaque RGB. ``mask`` is grey, white where the picture is painted anew. ``sketch``
    is grey, white lines on black. All have the document's size, if the client is ours: whoever
    opens them has to look.
    """

    width: int
    height: int
    picture: Path | None
    mask: Path | None
    sketch: Path | None
    extended: bool
    """Whether the picture was extended, and so has parts that were never painted."""

    @classmethod
    def of(cls, value: Any, root: Path) -> Layers:
        """The layers that a page says it has uploaded to the folder ``root``.

        Raises:
            RequestRefused: if there is no size, or none a canvas may have.
            UnreadablePicture: if it names something that is no file in that folder.
        """
        said = value if isinstance(value, dict) else {}
        picture, mask, sketch = (_file(said.get(name, ""), root) for name in ("picture", "mask", "sketch"))
        extended = said.get("extended") is True
        return cls(_side(said, "width"), _side(said, "height"), picture, mask, sketch, extended)


def _side(said: dict[Any, Any], name: str) -> int:
    side = said.get(name)
    if type(side) is not int or not LEAST_SIDE <= side <= MOST_SIDE:
        raise RequestRefused("canvas", f"A canvas is {LEAST_SIDE} to {MOST_SIDE} px wide and high.")
    return side


def _file(said: object, root: Path) -> Path | None:
    """The uploaded file a page names; links are followed before it is looked where it lies."""
    if said == "":
        return None
    try:
        path = Path(said).resolve(strict=True) if isinstance(said, str) else None
        if path is not None and path.is_relative_to(root.resolve()) and path.is_file():
            return path
    except (OSError, ValueError, RuntimeError):  # no such file, a name no file can have, links in a circle
        pass
    raise UnreadablePicture("What was drawn is no longer on the server: change something on the canvas and try again.")
