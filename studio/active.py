"""A run in the engine's hands."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from studio.diffusion.painting import Painting
from studio.diffusion.preview import PreviewBudget
from studio.diffusion.seams import ModelCall
from studio.pace import Kind
from studio.run import Run
from studio.turns import InHand


@dataclass(eq=False)
class Active:
    """A run that is being painted, and what it has cost."""

    run: Run
    painting: Painting
    budget: PreviewBudget
    started: float = field(default_factory=time.perf_counter)
    served_s: float = 0.0
    """Engine time of its forwards, those it shared counted whole."""
    step_s: float = 0.0
    """Its share of the engine's time since its last step."""
    aside_s: float = 0.0
    """Rounds that others had."""

    @property
    def hand(self) -> InHand:
        """What decides its turn."""
        return InHand(self.run.owner, self.served_s, self.aside_s)

    @property
    def kind(self) -> Kind:
        """What its call computes, for measuring."""
        request, model = self.run.request, self.painting.model
        name = request.model if self.call.module is model.denoiser else type(self.call.module).__name__
        return Kind.of(request, name)

    @property
    def elapsed_s(self) -> float:
        return time.perf_counter() - self.started

    @property
    def call(self) -> ModelCall:
        """The model call the run waits for; an active run always waits for one."""
        assert self.painting.waiting is not None
        return self.painting.waiting
