"""Is this request allowed? Pure: nothing is loaded, nothing is changed, nothing clamps later."""

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studio.errors import RequestRefused
from studio.presets import SAMPLERS, Fitting, samplers_of, schedules_of
from studio.prompting.composition import most_parts
from studio.request import (
    BALANCED,
    CONTROL_MODES,
    MASKED_CONTENT,
    MAX_SEED,
    RANDOM_SEED,
    RESIZE_MODES,
    TEMPLATES,
    Branch,
    ControlUnit,
    GenerationRequest,
    Inpaint,
)

KEPT_BY_BRANCHES = (
    "model",
    "width",
    "height",
    "frames",
    "fps",
    "seconds",
    "batch_size",
    "seed",
    "image",
    "strength",
    "resize_mode",
    "variation_seed",
    "variation_strength",
)
"""What was decided before the first step."""

UNGUIDED = "AND joins what guidance adds for each part: raise the CFG scale above 1, or write a comma instead."


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most a request may ask for."""

    steps: int = 150
    cfg_scale: float = 30.0
    clip_skip: int = 12
    side: int = 2048
    smallest_side: int = 64
    frames: int = 257
    fps: int = 60
    seconds: float = 60.0
    batch_size: int = 16
    prompt_characters: int = 8_000
    prompt_parts: int = 8
    """Joined by AND."""
    mask_blur: int = 64
    mask_padding: int = 256
    control_units: int = 4
    control_weight: float = 2.0
    branches: int = 64
    """How deep a branch of a branch may be."""
    work: int = 2048 * 2048 * 150
    """Pixels times steps times pictures."""


SHORTEST_S = 0.1
"""The shortest sound."""
FRAMES_TOGETHER = 4
"""How many frames of a film count as one picture: its latents hold so many in one, or more."""


def work(request: GenerationRequest) -> int:
    """What the request costs: pixels times steps times pictures, and half as much for each further part
    of its prompt."""
    pictures = request.batch_size * math.ceil(request.frames / FRAMES_TOGETHER)
    parts = most_parts(request.prompt, request.steps)
    return request.width * request.height * request.steps * pictures * (parts + 1) // 2


def check(request: GenerationRequest, limits: Limits = Limits()) -> None:
    """Accept the request, or say what to change.

    Raises:
        RequestRefused: with the field and a sentence.
    """
    _check_types(request)
    _check_texts(request, limits)
    _check_number("steps", request.steps, 1, limits.steps, "Steps")
    _check_number("cfg_scale", request.cfg_scale, 0, limits.cfg_scale, "CFG scale")
    _check_number("distilled_cfg_scale", request.distilled_cfg_scale, 0, limits.cfg_scale, "Distilled CFG scale")
    _check_whole("clip_skip", request.clip_skip, limits.clip_skip, "Clip skip", least=1)
    _check_number("batch_size", request.batch_size, 1, limits.batch_size, "Batch size")
    _check_number("frames", request.frames, 1, limits.frames, "Frames")
    _check_number("fps", request.fps, 1, limits.fps, "FPS")
    _check_number("seconds", request.seconds, 0, limits.seconds, "Seconds")
    for field in ("width", "height"):
        _check_number(field, getattr(request, field), limits.smallest_side, limits.side, field.capitalize())
        if getattr(request, field) % 8:
            near = round(getattr(request, field) / 8) * 8
            raise RequestRefused(field, f"{field.capitalize()} must be a multiple of 8: try {near}.")
    if not RANDOM_SEED <= request.seed <= MAX_SEED:
        raise RequestRefused("seed", f"Seed must be from 0 to {MAX_SEED}, or -1 for a random one.")
    _check_number("variation_seed", request.variation_seed, 0, MAX_SEED, "Variation seed")
    _check_number("variation_strength", request.variation_strength, 0, 1, "Variation strength")
    _check_image(request)
    if request.inpaint is not None:
        _check_inpaint(request, request.inpaint, limits)
    _check_control(request, limits)
    _check_sampler(request)
    _check_branch(request, limits)
    if work(request) > limits.work:
        raise RequestRefused("width", "This is too much for one run: lower the size, the steps or the batch size.")


def _check_types(request: GenerationRequest) -> None:
    for field in ("steps", "width", "height", "frames", "fps", "batch_size", "seed", "variation_seed"):
        if type(getattr(request, field)) is not int:
            raise RequestRefused(field, f"{_named(field)} must be a whole number.")
    for field in ("cfg_scale", "distilled_cfg_scale", "seconds", "strength", "variation_strength"):
        if type(getattr(request, field)) not in (int, float):
            raise RequestRefused(field, f"{_named(field)} must be a number.")
    texts = ("prompt", "negative_prompt", "model", "vae", "sampler", "schedule", "image", "resize_mode")
    for field in (*texts, *TEMPLATES.values()):
        if not isinstance(getattr(request, field), str):
            raise RequestRefused(field, f"{_named(field)} must be text.")
    if type(request.reproducible) is not bool:
        raise RequestRefused("reproducible", "Reproducible must be on or off.")


def _check_texts(request: GenerationRequest, limits: Limits) -> None:
    for field in (*TEMPLATES, *TEMPLATES.values()):
        if len(getattr(request, field)) > limits.prompt_characters:
            raise RequestRefused(
                field, f"{_named(field)} is too long: keep it under {limits.prompt_characters:,} characters."
            )
        try:
            getattr(request, field).encode()
        except UnicodeEncodeError:
            raise RequestRefused(field, f"{_named(field)} holds a broken character: type it again.") from None


def _check_number(field: str, value: float, least: float, most: float, name: str) -> None:
    if not least <= value <= most:  # NaN is not, either
        raise RequestRefused(field, f"{name} must be from {least:g} to {most:g}.")


def _check_sampler(request: GenerationRequest) -> None:
    sampler = SAMPLERS.get(request.sampler)
    if sampler is None:
        raise RequestRefused("sampler", f"There is no sampler of that name. Offered: {', '.join(SAMPLERS)}.")
    offered = schedules_of(request.sampler)
    if request.schedule not in offered:
        raise RequestRefused("schedule", f"{request.sampler} goes with these schedule types: {', '.join(offered)}.")
    if request.steps > sampler.most_steps:
        raise RequestRefused("steps", f"{request.sampler} takes at most {sampler.most_steps} steps.")


def _check_image(request: GenerationRequest) -> None:
    if not request.image:
        return
    _check_picture("image", request.image, "A picture to start from")
    _check_choice("resize_mode", request.resize_mode, RESIZE_MODES, "Resize mode")
    _check_number("strength", request.strength, 0.01, 1, "Strength")
    if request.skipped >= request.steps:
        raise RequestRefused("strength", "So little strength leaves no step to take: raise it, or take more steps.")


def _check_inpaint(request: GenerationRequest, inpaint: Inpaint, limits: Limits) -> None:
    if not isinstance(inpaint, Inpaint):
        raise RequestRefused("inpaint", "What is painted anew is told by a mask and its settings.")
    if not request.image:
        raise RequestRefused("image", "A mask needs the picture that it masks: open one, or draw one.")
    _check_picture("mask", inpaint.mask, "A mask")
    _check_choice("content", inpaint.content, MASKED_CONTENT, "Masked content")
    _check_whole("blur", inpaint.blur, limits.mask_blur, "Mask blur")
    _check_whole("padding", inpaint.padding, limits.mask_padding, "Padding")
    for field in ("only_masked", "soft"):
        if type(getattr(inpaint, field)) is not bool:
            raise RequestRefused(field, f"{_named(field)} must be on or off.")


def _check_control(request: GenerationRequest, limits: Limits) -> None:
    units = request.control
    if not isinstance(units, tuple) or not all(isinstance(unit, ControlUnit) for unit in units):
        raise RequestRefused("control", "Control is a list of units.")
    if len(units) > limits.control_units:
        raise RequestRefused("control", f"At most {limits.control_units} ControlNets lead one run.")
    for unit in units:
        if not isinstance(unit.model, str):
            raise RequestRefused("control", "A ControlNet is named by text.")
        _check_picture("control", unit.image, "A control map")
        for field, most in (("weight", limits.control_weight), ("start", 1), ("end", 1)):
            if type(getattr(unit, field)) not in (int, float):
                raise RequestRefused("control", f"{field.capitalize()} of a ControlNet must be a number.")
            _check_number("control", getattr(unit, field), 0, most, f"{field.capitalize()} of a ControlNet")
        if unit.start >= unit.end:
            raise RequestRefused("control", "A ControlNet must start before it ends.")
        _check_choice("control", unit.mode, CONTROL_MODES, "Control mode")
        _check_choice("control", unit.resize_mode, RESIZE_MODES, "Resize mode")


def _check_picture(field: str, name: Any, what: str) -> None:
    if not isinstance(name, str) or not re.fullmatch("[0-9a-f]{64}", name):
        raise RequestRefused(field, f"{what} is named by its SHA-256.")


def _check_choice(field: str, value: Any, choices: Sequence[str], name: str) -> None:
    if not isinstance(value, str) or value not in choices:
        raise RequestRefused(field, f"{name} is one of: {', '.join(choices)}.")


def _check_whole(field: str, value: Any, most: int, name: str, least: int = 0) -> None:
    if type(value) is not int:
        raise RequestRefused(field, f"{name} must be a whole number.")
    _check_number(field, value, least, most, name)


def _check_branch(request: GenerationRequest, limits: Limits) -> None:
    """The run it leaves is checked too: its settings decide the picture as much."""
    branch = request.branch
    if branch is None:
        return
    if not isinstance(branch, Branch) or not isinstance(branch.request, GenerationRequest):
        raise RequestRefused("branch", "A branch names the request that it leaves, and after which step.")
    if type(branch.at) is not int or branch.at < 0:
        raise RequestRefused("branch", "A branch goes on from a step's number, 0 or more.")
    if branch.noise_seed is not None:
        if type(branch.noise_seed) is not int:
            raise RequestRefused("noise_seed", "The seed of the noise to come must be a whole number.")
        _check_number("noise_seed", branch.noise_seed, 0, MAX_SEED, "The seed of the noise to come")
    if limits.branches < 1:
        raise RequestRefused("branch", "This is a branch of too many branches: paint it anew.")
    for field in KEPT_BY_BRANCHES:
        if getattr(request, field) != getattr(branch.request, field):
            raise RequestRefused(field, f"A branch keeps the {_named(field).lower()} of the run it leaves.")
    check(branch.request, dataclasses.replace(limits, branches=limits.branches - 1))


def check_fits(request: GenerationRequest, fitting: Fitting, limits: Limits = Limits()) -> None:
    """Accept a request for a model of that fitting.

    Raises:
        RequestRefused: if the model cannot paint that size or length, or not by that sampler, or not that prompt, or
            not from that.
    """
    if request.image and not fitting.from_picture:
        raise RequestRefused("image", "This model paints from noise alone: take the picture away, or choose another.")
    if fitting.needs_picture and not request.image:
        raise RequestRefused("image", "This model changes a picture: open one on the canvas.")
    _check_length(request, fitting)
    parts = most_parts(request.prompt, request.steps) if fitting.marks else 1
    if parts > limits.prompt_parts:
        raise RequestRefused("prompt", f"At most {limits.prompt_parts} parts are joined by AND.")
    if parts > 1 and request.cfg_scale <= 1:
        raise RequestRefused("cfg_scale", UNGUIDED)
    if fitting.clip_layers:
        _check_number("clip_skip", request.clip_skip, 1, fitting.clip_layers, "Clip skip for this model")
    if fitting.flow and any(unit.mode != BALANCED for unit in request.control):
        raise RequestRefused("control", f"With this model a ControlNet's control mode is always {BALANCED!r}.")
    if len(request.control) > fitting.controls:
        most = "one ControlNet leads" if fitting.controls == 1 else f"up to {fitting.controls} ControlNets lead"
        raise RequestRefused("control", f"With this model {most} a run: switch the others off.")
    for field in ("width", "height"):
        if getattr(request, field) % fitting.multiple:
            raise RequestRefused(field, f"{_named(field)} must be a multiple of {fitting.multiple} for this model.")
    offered = samplers_of(fitting)
    if request.sampler not in offered:
        raise RequestRefused(
            "sampler", f"{request.sampler} does not go with this model: choose one of {', '.join(offered)}."
        )


def _check_length(request: GenerationRequest, fitting: Fitting) -> None:
    """A film has frames, a sound has seconds, a picture neither; films and sounds begin with noise."""
    if request.frames > 1 and not fitting.frames:
        raise RequestRefused("frames", "This model makes no films: set frames to 1.")
    if fitting.frames and request.frames % fitting.frames_step != 1:
        near = max(1, round((request.frames - 1) / fitting.frames_step) * fitting.frames_step + 1)
        raise RequestRefused(
            "frames", f"Frames must be one more than a multiple of {fitting.frames_step} for this model: try {near}."
        )
    if request.seconds and not fitting.seconds:
        raise RequestRefused("seconds", "This model makes no sounds: set seconds to 0.")
    if fitting.seconds and request.seconds < SHORTEST_S:
        raise RequestRefused("seconds", f"Seconds must be {SHORTEST_S:g} or more for this model.")
    if (fitting.frames or fitting.seconds) and (request.image or request.control):
        raise RequestRefused("image", "With this model one starts from noise: put the canvas away.")


def _named(field: str) -> str:
    known = {"vae": "VAE", "cfg_scale": "CFG scale", "distilled_cfg_scale": "Distilled CFG scale", "fps": "FPS"}
    return known.get(field, field.replace("_", " ").capitalize())
