"""Pictures made larger, and the settings that stand in them."""

from __future__ import annotations

import io
import re
import threading
from typing import Any

from PIL import Image, ImageOps, PngImagePlugin

from components.api.brought import content_of, encoded
from components.api.values import Payload, flag, number, text, whole
from studio import Studio
from studio.errors import RequestRefused
from studio.gallery import infotext, pictures

NONE = "None"
UPSCALERS = {"Lanczos": Image.Resampling.LANCZOS, "Nearest": Image.Resampling.NEAREST}
SCALE = 4
"""What the web UI says of those that take any."""
MOST_SIDE, MOST_SCALE = 4096, 8
OFF = ("gfpgan_visibility", "codeformer_visibility", "extras_upscaler_2_visibility")
_ONE_AT_A_TIME = threading.Lock()


def upscalers() -> list[dict[str, Any]]:
    """Those there are: none that was trained."""
    more = {"model_name": None, "model_path": None, "model_url": None, "scale": SCALE}
    return [{"name": name, **more} for name in (NONE, *UPSCALERS)]


def enlarged(payload: Payload, studio: Studio) -> dict[str, Any]:
    """A picture in another size, with the settings that stood in it.

    Raises:
        StudioError: for what is not here, or no picture.
    """
    for name in OFF:
        if number(payload, name, 0):
            raise RequestRefused(name, f"{name} asks for what is not here: leave it out.")
    by = _upscaler(payload)
    content = content_of(text(payload, "image"))
    with _ONE_AT_A_TIME:
        picture = studio.inputs.read(content)
        made = picture if by is None else _resized(picture, payload, by)
        return {"html_info": "", "image": encoded(_png(made, _settings(content)))}


def settings_in(payload: Payload) -> dict[str, Any]:
    """What a PNG says of how it was made.

    Raises:
        UnreadablePicture: if it is none.
    """
    said = pictures.read_infotext(content_of(text(payload, "image")))
    found = infotext.parse(said) if said else {}
    if size := re.fullmatch(r"(\d{1,5})x(\d{1,5})", found.get("Size", "")):
        found |= {"Size-1": size[1], "Size-2": size[2]}
    return {"info": said, "items": {infotext.CHUNK: said} if said else {}, "parameters": found}


def _upscaler(payload: Payload) -> Image.Resampling | None:
    name = text(payload, "upscaler_1", NONE)
    known = {NONE: None, **UPSCALERS}
    if name not in known:
        raise RequestRefused(
            "upscaler_1", f"upscaler_1: there is no {name[:60]!a} here. There are: {', '.join(known)}."
        )
    return known[name]


def _resized(picture: Image.Image, payload: Payload, by: Image.Resampling) -> Image.Image:
    if whole(payload, "resize_mode", 0, 0, 1):
        size = tuple(whole(payload, f"upscaling_resize_{side}", 512, 1, MOST_SIDE) for side in "wh")
        if flag(payload, "upscaling_crop", True):
            return ImageOps.fit(picture, (size[0], size[1]), by)
        return ImageOps.contain(picture, (size[0], size[1]), by)
    scale = number(payload, "upscaling_resize", 2)
    if not 1 <= scale <= MOST_SCALE:
        raise RequestRefused("upscaling_resize", f"upscaling_resize must be from 1 to {MOST_SCALE}.")
    if max(picture.size) * scale > MOST_SIDE:
        raise RequestRefused("upscaling_resize", f"upscaling_resize: at most {MOST_SIDE} px wide and high come out.")
    return ImageOps.scale(picture, scale, by) if scale != 1 else picture


def _settings(content: io.BytesIO) -> str:
    """What stands in a picture of how it was made; empty where it is no PNG."""
    content.seek(0)
    return pictures.read_infotext(content) if content.getvalue().startswith(b"\x89PNG") else ""


def _png(picture: Image.Image, settings: str) -> bytes:
    notes, made = PngImagePlugin.PngInfo(), io.BytesIO()
    if settings:
        notes.add_text(infotext.CHUNK, settings)
    picture.save(made, "PNG", pnginfo=notes)
    return made.getvalue()
