"""ControlNets as the web UI's extension is asked for them (``alwayson_scripts.controlnet.args``). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from components.api.unsupported import CONTROLNET
from components.api.values import Payload, choice, flag, given, members, number, text
from studio.errors import RequestRefused
from studio.presets import PREPROCESSORS
from studio.request import CONTROL_MODES, RESIZE_MODES, ControlUnit

NONE = "None"
MODULES = {
    "none": NONE,
    "invert": "Invert (dark lines on light)",
    "canny": "Canny edges",
    "lineart_standard": "Line art (standard)",
    "lineart_realistic": "Line art (realistic)",
    "lineart": "Line art (realistic)",
    "lineart_anime": "Line art (anime)",
    "shuffle": "Shuffle (colours)",
    "softedge_hed": "Soft edges (HED)",
    "hed": "Soft edges (HED)",
    "softedge_pidinet": "Soft edges (PidiNet)",
    "pidinet": "Soft edges (PidiNet)",
    "scribble_hed": "Scribble (HED)",
    "scribble_pidinet": "Scribble (PidiNet)",
    "mlsd": "Straight lines (MLSD)",
    "depth_midas": "Depth (MiDaS)",
    "depth": "Depth (MiDaS)",
    "depth_zoe": "Depth (Zoe)",
    "normal_bae": "Normals (BAE)",
    "openpose_full": "Pose (OpenPose)",
}
"""The extension's names for our preprocessors; beside them our own are taken."""
THRESHOLDS = {"Canny edges": (100, 200), "Straight lines (MLSD)": (0.1, 0.1)}
"""Of those that have any, as they always are here."""
UNSET = (None, -1)
RESIZE = ("Just resize", "Crop and resize", "Resize and fill")
"""In the extension's order."""
FORMER = {"scale to fit (inner fit)": RESIZE[2], "inner fit (scale to fit)": RESIZE[2]}
FORMER |= {"envelope (outer fit)": RESIZE[1], "outer fit (shrink to fit)": RESIZE[1]}
MOST_RES = 2048
Followed = Callable[[str, str, int], str]
"""Keeps what a preprocessor of that name makes of a picture in base64, seen at so many pixels, or its own if 0."""


def units(payload: Payload, followed: Followed, start: str) -> tuple[ControlUnit, ...]:
    """The units that are switched on. One without a picture follows ``start``, that which the run starts from.

    Raises:
        StudioError: for what is not here, or no value of its field.
    """
    named = (script for name, script in members(payload, "alwayson_scripts").items() if name.lower() == CONTROLNET)
    arguments = [unit for script in named for unit in _arguments(script)]
    return tuple(_unit(unit, followed, start) for unit in arguments if _is_on(unit))


def _arguments(script: Any) -> list[Payload]:
    arguments = script.get("args") if isinstance(script, dict) else None
    if not isinstance(arguments, list) or not all(isinstance(unit, dict) for unit in arguments):
        raise RequestRefused("controlnet", "alwayson_scripts.controlnet.args must be a list of units.")
    return arguments


def _is_on(unit: Payload) -> bool:
    return flag(unit, "enabled", True) and text(unit, "model", NONE).lower() not in ("", "none")


def _unit(unit: Payload, followed: Followed, start: str) -> ControlUnit:
    module = _module(unit)
    return ControlUnit(
        model=text(unit, "model").partition(" [")[0],
        weight=number(unit, "weight", 1.0),
        start=number(unit, "guidance_start", 0.0),
        end=number(unit, "guidance_end", 1.0),
        mode=choice(unit, "control_mode", CONTROL_MODES, CONTROL_MODES[0]),
        resize_mode=_resize_mode(unit),
        image=followed(module, _picture(unit, start), _resolution(unit)),
    )


def _module(unit: Payload) -> str:
    named = text(unit, "module", NONE).strip()
    short = named.lower().partition(" (")[0]
    module = next((label for label in PREPROCESSORS if label.lower() == named.lower()), MODULES.get(short))
    if module is None:
        raise RequestRefused("module", f"module: there is no preprocessor {named[:60]!a}. There are: {_known()}.")
    for name, own in zip(("threshold_a", "threshold_b"), THRESHOLDS.get(module, ()), strict=False):
        if unit.get(name) not in (*UNSET, own):
            raise RequestRefused(name, f"{name} is always {own} with {module} here: leave it out.")
    return module


def _known() -> str:
    return ", ".join(MODULES)


def _resize_mode(unit: Payload) -> str:
    former = FORMER.get(str(given(unit, "resize_mode", "")).lower())
    return former or choice(unit, "resize_mode", RESIZE, RESIZE_MODES[0])


def _resolution(unit: Payload) -> int:
    """The shorter side at which a preprocessor sees the picture; 0 for the picture's own."""
    asked = number(unit, "processor_res", -1)
    if flag(unit, "pixel_perfect", False) or asked in (-1, 0):
        return 0
    if type(asked) is not int or not 64 <= asked <= MOST_RES:
        raise RequestRefused("processor_res", f"processor_res must be a whole number from 64 to {MOST_RES}, or -1.")
    return asked


def _picture(unit: Payload, start: str) -> str:
    image = given(unit, "image", unit.get("input_image"))
    if isinstance(image, dict):
        if image.get("mask") or unit.get("mask"):
            raise RequestRefused("mask", "mask: a ControlNet follows the whole of its picture here: leave it out.")
        image = image.get("image")
    image = image or start
    if not isinstance(image, str) or not image:
        raise RequestRefused("image", "image: a ControlNet needs a picture to follow.")
    return image
