"""ControlNets in a run: which pipeline arguments they need, and how strongly they speak.

A unit's mode decides what becomes of its ControlNet's answer, which passes through the model seam.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from studio.request import BALANCED, CONTROL_FIRST, ControlUnit

SOFTER = 0.825
"""Each residual nearer to the picture is this much weaker than the next: the web UI's figure."""


def arguments(
    units: Sequence[ControlUnit], maps: Sequence[Image.Image], image: str, beginning: float = 0.0
) -> dict[str, Any]:
    """The arguments of a pipeline's call for these units; ``image`` is the name that the
    pipeline has for their maps, ``beginning`` the share of its steps after which the run's first one comes: what
    the units' start and end are shares of begins there."""
    if not units:
        return {}
    weights, starts, ends = [], [], []
    for unit in units:
        weights.append(float(unit.weight))
        starts.append(beginning + float(unit.start) * (1 - beginning))
        ends.append(beginning + float(unit.end) * (1 - beginning))
    several = len(units) > 1
    return {
        image: list(maps) if several else maps[0],
        "controlnet_conditioning_scale": weights if several else weights[0],
        "control_guidance_start": starts,
        "control_guidance_end": ends,
    }


def moded(answer: Any, mode: str, pictures: int) -> Any:
    """A ControlNet's answer (residuals of the levels, residual of the middle) for so many ``pictures`` as its mode
    has it. Where it has more rows than those, the first are without the prompt, one for each picture.

    "My prompt is more important": the nearer to the picture's surface, the weaker. "ControlNet is
    more important": so too, and only with the prompt: the rows without it get
    nothing, so that guidance leads towards the control as well.
    """
    if mode == BALANCED:
        return answer
    levels, middle = answer
    without = pictures if len(levels[0]) > pictures else 0
    last = len(levels)
    softer = [level * SOFTER ** (last - index) for index, level in enumerate(levels)]
    if mode == CONTROL_FIRST and without:
        return [_with_prompt(level, without) for level in softer], _with_prompt(middle, without)
    return softer, middle


def _with_prompt(residual: Tensor, without: int) -> Tensor:
    return torch.cat([torch.zeros_like(residual[:without]), residual[without:]])
