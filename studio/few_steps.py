"""A request in as few steps as it can be painted in, for pictures that follow the pen. Pure."""

from __future__ import annotations

import dataclasses

from studio.presets import FITTING
from studio.request import GenerationRequest

MOST = 8
"""Steps where a model has no few-step edition: enough to tell what it will be."""


def in_few_steps(request: GenerationRequest) -> GenerationRequest:
    """The same in the model's few-step edition, if it has one, at the settings made for that."""
    fitting = FITTING.get(request.model)
    edition = FITTING.get(fitting.few_steps) if fitting else None
    if fitting is None or edition is None:
        return dataclasses.replace(request, steps=min(request.steps or 0, MOST))
    return dataclasses.replace(
        request,
        model=fitting.few_steps,
        sampler=edition.sampler,
        schedule=edition.schedule,
        steps=edition.steps,
        cfg_scale=edition.cfg_scale,
    )
