"""The data in presets/ as values: samplers by the labels people know, and their schedule types."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PRESETS = Path(__file__).parent.parent / "presets"
CLIP_TOKENIZER = PRESETS / "configs" / "clip-tokenizer"
AUTOMATIC = "Automatic"
SCHEDULES = (
    AUTOMATIC,
    "Uniform",
    "Karras",
    "Exponential",
    "Polyexponential",
    "SGM Uniform",
    "KL Optimal",
    "Simple",
    "Normal",
    "Beta",
)
"""Schedule types in the order of the menu."""


@dataclass(frozen=True, kw_only=True)
class FlowSampler:
    """The diffusers scheduler that is this solver for a model trained by flow matching."""

    scheduler: str
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """One sampler label and the diffusers scheduler that is exactly this solver."""

    scheduler: str
    options: dict[str, Any]
    automatic: str = AUTOMATIC
    """The schedule type that "Automatic" stands for; itself where the sampler has only its own."""
    aliases: list[str] = field(default_factory=list)
    schedules: list[str] = field(default_factory=lambda: list(SCHEDULES))
    evaluations: int = 1
    """Model calls a step."""
    few_step: bool = False
    """Made for models distilled to a few steps."""
    most_steps: int = 1_000
    flow: FlowSampler | None = None
    """None where diffusers has none for flow models."""


def _letters(label: str) -> str:
    return re.sub(r"[\W_]", "", label).lower()


def _read(name: str) -> Any:
    return json.loads((PRESETS / name).read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """The settings that a model was made for."""

    sampler: str
    schedule: str
    steps: int
    cfg_scale: float
    few_steps: str = ""
    """The name of its edition that paints in a few steps."""
    side: int = 0
    """The side, in pixels, of the pictures it was trained on; 0 where its configuration tells it."""
    multiple: int = 8
    """What the sides of its pictures are multiples of."""
    flow: bool = False
    """Trained by flow matching: ``FLOW_SAMPLERS`` are for it."""
    distilled: bool = False
    """Whether it is told the guidance it was distilled with."""
    frames: int = 0
    """Of a model that makes films, how many frames they have; 0 for any other."""
    frames_step: int = 4
    """Their number is one more than a multiple of this."""
    fps: int = 16
    seconds: float = 0.0
    """Of a model that makes sounds, how long they are; 0 for any other."""
    marks: bool = False
    """Whether CLIP alone reads its prompts: then (weights), BREAK and AND are read as the web UI does."""
    clip_layers: int = 0
    """Layers that a clip skip may choose from; 0 where there is nothing to choose."""
    distilled_cfg_scale: float = 3.5
    """That guidance."""
    from_picture: bool = True
    """Whether there is a way to start from a picture, or to look at one."""
    controls: int = 4
    """How many ControlNets may lead it at once."""
    needs_picture: bool = False
    """Whether it paints nothing without one."""
    edits: bool = False
    """Whether it looks at a picture while it paints from noise; ``strength`` is then always 1."""


def _fittings(read: dict[str, dict[str, Any]]) -> dict[str, Fitting]:
    """What an entry does not say is as in the one that it is ``like``."""
    return {name: Fitting(**(read.get(said.pop("like", ""), {}) | said)) for name, said in read.items()}


FITTING: dict[str, Fitting] = _fittings(_read("fitting.json"))
"""By the name of a model, or of the family of models."""
SAMPLERS: dict[str, Sampler] = {
    label: Sampler(**(values | {"flow": FlowSampler(**values["flow"]) if "flow" in values else None}))
    for label, values in _read("samplers.json").items()
}
FLOW_SAMPLERS = tuple(label for label, sampler in SAMPLERS.items() if sampler.flow)
"""Those for models trained by flow matching."""
_SCHEDULES = {_letters(label): label for label in SCHEDULES}
_ALIASES = {alias.lower(): label for label, sampler in SAMPLERS.items() for alias in (label, *sampler.aliases)}


@dataclass(frozen=True, kw_only=True)
class Preprocessor:
    """One way to take a control map from a picture: a detector of controlnet-aux."""

    detector: str = ""
    """The class; none where Pillow is enough."""
    repo: str = "lllyasviel/Annotators"
    files: tuple[str, ...] = ()
    """The weights it needs, on the hub in ``repo``; none for those that only reckon."""
    loading: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    """Arguments of its ``from_pretrained`` and of its call."""


PREPROCESSORS: dict[str, Preprocessor] = {
    label: Preprocessor(**(values | {"files": tuple(values.get("files", ()))}))
    for label, values in _read("preprocessors.json").items()
}


def samplers_of(fitting: Fitting | None) -> list[str]:
    """The samplers that go with a model of that fitting."""
    return list(FLOW_SAMPLERS if fitting is not None and fitting.flow else SAMPLERS)


def schedules_of(sampler: str) -> list[str]:
    """The schedule types a sampler goes with; all of them for one we do not know."""
    return SAMPLERS[sampler].schedules if sampler in SAMPLERS else list(SCHEDULES)


def known_as(label: str) -> tuple[str, str | None]:
    """Sampler and schedule type that a label means, aliases and the old fused form accepted:
    "k_euler_a" is ("Euler a", None), "DPM++ 2M Karras" is ("DPM++ 2M", "Karras"). A label
    nobody knows comes back as it is."""
    text = label.strip()
    for schedule in SCHEDULES[1:]:
        if text.lower().endswith(" " + schedule.lower()) and text[: -len(schedule) - 1].lower() in _ALIASES:
            return _ALIASES[text[: -len(schedule) - 1].lower()], schedule
    return _ALIASES.get(text.lower(), text), None


def schedule_known_as(label: str) -> str:
    """The schedule type that a label means, whatever its case and what stands between its words: "sgm_uniform" and
    "SGMUniform" are "SGM Uniform". A label nobody knows comes back as it is."""
    return _SCHEDULES.get(_letters(label), label.strip())


def labelled(told: Mapping[str, Any]) -> dict[str, Any]:
    """Of settings what they tell as ``sampler`` and as ``schedule``, by the labels that their aliases mean. An old
    fused label tells the schedule type, too, unless another one is told."""
    meant = {name: told[name] for name in ("sampler", "schedule") if isinstance(told.get(name), str)}
    if "schedule" in meant:
        meant["schedule"] = schedule_known_as(meant["schedule"])
    if "sampler" in meant:
        meant["sampler"], fused = known_as(meant["sampler"])
        if fused and meant.get("schedule") in (None, "", AUTOMATIC):
            meant["schedule"] = fused
    return meant
