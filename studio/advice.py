"""Advice where the field knows better: shown beside the control, never forced. Pure."""

from __future__ import annotations

import re

from studio import prompt_schedule
from studio.presets import SAMPLERS, Fitting
from studio.prompting.attention import parse
from studio.prompting.composition import is_composed

FEWEST_USEFUL, MOST_USEFUL = 20, 50
ESCAPE = re.compile(r"\\[()\[\]{}]")
SIZE_SLACK = 0.6
"""A model draws well between this share of its native side and its inverse."""


def on_steps(steps: float, sampler: str, fitting: Fitting | None = None) -> str:
    """A word on the number of steps, for a model of that fitting; empty where there is nothing to say."""
    known = SAMPLERS.get(sampler)
    if fitting is not None and fitting.steps < FEWEST_USEFUL:
        return "" if steps == fitting.steps else f"This model is made for exactly {fitting.steps} steps."
    if known is not None and known.few_step:
        if steps > 8:
            return f"{sampler} is made for models distilled to few steps: 4 to 8 are enough there."
        return f"{sampler} wants a model distilled to few steps; others stay blurred."
    if steps < 10:
        return f"Few for {sampler}: {FEWEST_USEFUL} to {MOST_USEFUL} is where most pictures settle."
    if steps > 100:
        return f"More than {MOST_USEFUL} rarely changes anything but the time it takes."
    return ""


def on_cfg(cfg_scale: float, sampler: str, fitting: Fitting | None = None) -> str:
    """A word on the guidance scale, for a model of that fitting."""
    known = SAMPLERS.get(sampler)
    if fitting is not None and fitting.distilled:
        return "" if cfg_scale == 1 else "Above 1 the negative prompt counts, and a step takes twice as long."
    if fitting is not None and fitting.cfg_scale == 1:
        return "" if cfg_scale == 1 else "This model is guided by itself: leave it at 1."
    if cfg_scale <= 1:
        return "At 1 or less the negative prompt is not used and the prompt is followed loosely."
    if known is not None and known.few_step and cfg_scale > 2:
        return "Few-step models want 1 to 2."
    if cfg_scale > 15:
        return "Above 15 colours burn; 3 to 8 is the usual range."
    return ""


def on_size(width: float, height: float, native: int) -> str:
    """A word on the size, for a model trained at ``native`` pixels a side."""
    if width % 8 or height % 8:
        return "Width and height must be multiples of 8."
    side = (width * height) ** 0.5
    if side > native / SIZE_SLACK:
        return f"Larger than the model's {native} × {native}: things may appear twice."
    if side < native * SIZE_SLACK:
        return f"Smaller than the model's {native} × {native}: things may be cut off."
    return ""


def on_strength(steps: int, strength: float, fitting: Fitting | None = None) -> str:
    """Where the reverse process takes over from the picture's own noising; a model that edits starts from noise."""
    if fitting is not None and fitting.edits:
        return "This model looks at the picture and paints a new one: say in the prompt what shall change."
    taken = min(int(steps * strength), steps)
    if not taken:
        return "So little strength leaves no step to take: raise it."
    return f"The picture is noised through {steps - taken} steps; the model takes over for the last {taken}."


def on_marks(prompt: str, fitting: Fitting | None = None) -> str:
    """A word on marks that a model of that fitting does not read."""
    if fitting is None or fitting.marks:
        return ""
    found = _marks(prompt_schedule.words_at(prompt, 1, 2))
    return f"This model reads as plain text: {', '.join(found)}. Say it in words." if found else ""


def _marks(prompt: str) -> list[str]:
    """The kinds of marks in a prompt that only CLIP's prompts have."""
    sections = parse(prompt)
    kinds = {
        "(weights)": any(piece.weight != 1 for section in sections for piece in section),
        "BREAK": len(sections) > 1,
        "AND": is_composed(prompt),
        "\\( and other escapes": ESCAPE.search(prompt) is not None,
    }
    return [name for name, there in kinds.items() if there]
