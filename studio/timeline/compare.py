"""Two runs beside each other: what is different about them, and which of their steps belong together. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from studio.request import BALANCED, ControlUnit, GenerationRequest, Inpaint

LABELS = {
    "prompt": "Prompt",
    "negative_prompt": "Negative prompt",
    "model": "Model",
    "vae": "VAE",
    "sampler": "Sampler",
    "schedule": "Schedule type",
    "steps": "Steps",
    "cfg_scale": "CFG scale",
    "distilled_cfg_scale": "Distilled CFG scale",
    "clip_skip": "Clip skip",
    "width": "Width",
    "height": "Height",
    "frames": "Frames",
    "fps": "FPS",
    "seconds": "Seconds",
    "batch_size": "Batch size",
    "seed": "Seed",
    "noise_seed": "Noise seed",
    "image": "Start picture",
    "strength": "Strength",
    "resize_mode": "Resize mode",
    "inpaint": "Mask",
    "control": "ControlNet",
    "variation_seed": "Variation seed",
    "variation_strength": "Variation strength",
    "reproducible": "Reproducible",
}
"""The settings in the order in which they are told, as the page names them."""
CLEANEST, NOISIEST = 1e-300, 1e300
"""Stand for the sigmas 0 and infinity, whose logarithms are no numbers."""

Value = str | int | float | bool | Inpaint | tuple[ControlUnit, ...] | None


@dataclass(frozen=True)
class Difference:
    """One setting that two requests do not share."""

    field: str
    label: str
    """What the page calls it."""
    before: Value
    after: Value

    @property
    def sentence(self) -> str:
        """In few words: "CFG scale: 2.5 → 7"; of texts only the words that changed."""
        if isinstance(self.before, Inpaint) and isinstance(self.after, Inpaint):
            return "; ".join(_fields(self.label, self.before, self.after))
        before, after = _shown(self.before), _shown(self.after)
        if isinstance(self.before, str) and isinstance(self.after, str):
            before, after = changed_words(self.before, self.after)
        if before and after:
            return f"{self.label}: {before} → {after}"
        return f"{self.label}: + {after}" if after else f"{self.label}: - {before}"


def differences(before: GenerationRequest, after: GenerationRequest) -> tuple[Difference, ...]:
    """The settings in which two requests differ; none between a run and an unchanged branch of
    it, since where a branch leaves is no setting."""
    pairs = [(field, getattr(before, field), getattr(after, field)) for field in LABELS if field != "noise_seed"]
    pairs.insert(list(LABELS).index("noise_seed"), ("noise_seed", *_noise_seeds(before, after)))
    return tuple(Difference(field, LABELS[field], one, other) for field, one, other in pairs if one != other)


def changed_words(before: str, after: str) -> tuple[str, str]:
    """Two texts without the words that both begin and end with."""
    one, other = before.split(), after.split()
    start = _shared(one, other)
    one, other = one[start:], other[start:]
    end = _shared(one[::-1], other[::-1])
    return " ".join(one[: len(one) - end]), " ".join(other[: len(other) - end])


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words both begin with."""
    return next(
        (index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


def nearest(sigmas: Sequence[float], sigma: float) -> int:
    """The index of the step whose sigma is nearest to ``sigma`` by its logarithm, the first of
    equals: it keeps two runs of different schedules in step. 0 is nearest to the smallest, and
    infinity to the largest.

    Raises:
        ValueError: if there are no sigmas.
    """
    place = _log(sigma)
    return min(range(len(sigmas)), key=lambda index: abs(_log(sigmas[index]) - place))


def _log(sigma: float) -> float:
    return math.log(min(max(sigma, CLEANEST), NOISIEST))


def _noise_seeds(before: GenerationRequest, after: GenerationRequest) -> tuple[int, int]:
    """Told only where a branch was given one: it is that of the picture otherwise."""
    one, other = _noise_seed(before), _noise_seed(after)
    if one is None and other is None:
        return 0, 0
    return (before.seed if one is None else one), (after.seed if other is None else other)


def _noise_seed(request: GenerationRequest) -> int | None:
    branch = request.branch
    if branch is None:
        return None
    return _noise_seed(branch.request) if branch.noise_seed is None else branch.noise_seed


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Inpaint):
        return value.mask[:8]
    if isinstance(value, tuple):
        return " + ".join(_unit(unit) for unit in value) or "none"
    return f"{value:.10g}" if isinstance(value, float) else "none" if value is None else str(value)


def _unit(unit: ControlUnit) -> str:
    acts = "" if (unit.start, unit.end) == (0, 1) else f" {unit.start:.0%} to {unit.end:.0%}"
    mode = "" if unit.mode == BALANCED else f", {unit.mode}"
    return f"{unit.model} {unit.image[:8]} × {unit.weight:g}{acts}{mode}"


def _fields(label: str, before: Inpaint, after: Inpaint) -> Iterator[str]:
    """What differs between two masks' settings."""
    for field in dataclasses.fields(Inpaint):
        one, other = getattr(before, field.name), getattr(after, field.name)
        if one != other:
            name = label if field.name == "mask" else f"{label} {field.name.replace('_', ' ')}"
            yield f"{name}: {_shown(one)[:12]} → {_shown(other)[:12]}"
