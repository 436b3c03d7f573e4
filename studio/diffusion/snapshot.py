"""Snapshots: what a run needs between two steps to go on to the bit."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import SchedulerMixin
from torch import Tensor

from studio.errors import UnreadableRun

State = Mapping[str, Any]
"""A scheduler's own memory by attribute: numbers, None, tensors and lists of those."""
SCALARS = (bool, int, float, type(None))


@dataclass(frozen=True)
class Snapshot:
    """A run after a step. Tensors are on the CPU; none is ever changed in place, so snapshots of
    neighbouring steps share what did not change."""

    latents: Tensor
    """(N, C, h, w) in fp32, in the scale of the run's scheduler."""
    scheduler: State
    """What the scheduler remembers: its place, and the steps before that a multistep solver needs."""
    noise: tuple[Tensor, ...]
    """The state of each picture's random generator."""


class StateReader:
    """Reads what a scheduler has come to remember since its timesteps were set.

    Everything else (betas, sigmas, timesteps) follows from the request and is made anew, so a
    snapshot of DPM++ 2M is two tensors and two numbers instead of a copy of the scheduler.
    """

    def __init__(self, scheduler: SchedulerMixin) -> None:
        self._scheduler = scheduler
        self._fresh = {
            name: list(value) if isinstance(value, list) else value for name, value in vars(scheduler).items()
        }

    def read(self) -> State:
        """Its state now. Objects that are neither numbers nor tensors are left out: the Brownian
        tree of DPM++ SDE is made again from its seeds."""
        state: dict[str, Any] = {}
        for name, value in vars(self._scheduler).items():
            fresh = self._fresh.get(name, self)
            if isinstance(value, list):
                plain = all(isinstance(item, (*SCALARS, Tensor)) for item in value)
                if plain and not _same(value, fresh):
                    state[name] = [_kept(item) for item in value]
            elif isinstance(value, SCALARS) and (value != fresh or type(value) is not type(fresh)):
                state[name] = value
            elif isinstance(value, Tensor) and value is not fresh:
                state[name] = _kept(value)
        return state


def _same(value: list[Any], fresh: Any) -> bool:
    return isinstance(fresh, list) and len(value) == len(fresh) and all(map(operator.is_, value, fresh))


def _kept(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value


def remember(scheduler: SchedulerMixin, state: State, device: torch.device) -> None:
    """Give a scheduler, whose timesteps are set as they were then, its memory back.

    Raises:
        UnreadableRun: if the state names what is no memory of this scheduler's.
    """
    for name, value in state.items():
        if not isinstance(getattr(scheduler, name, None), (*SCALARS, list, Tensor)):
            raise UnreadableRun(f"This run's steps do not belong to its sampler: {name} is no memory of it.")
        if isinstance(value, list):
            value = [item.to(device) if isinstance(item, Tensor) else item for item in value]
        elif isinstance(value, Tensor) and value.ndim:
            value = value.to(device)
        setattr(scheduler, name, value)
