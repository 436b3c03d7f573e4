"""What the engine is doing, for whoever wants to show it."""

import dataclasses
import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class State:
    """A moment's reading."""

    ready: bool = False
    message: str = "starting"
    """What the engine is busy with while it is not ready."""
    placement: str = ""
    """Device, precision and attention in use."""
    plan: str = ""
    """A model's name and how it is kept in memory, and why; empty for the small ones that ship."""
    step_s: float = 0.0
    """Seconds a run's step takes, a running mean; 0 before the first."""
    preview_share: float = 0.0
    """Time spent on previews over time spent on denoising."""
    steps: int = 0
    """Steps taken since the start, for all runs together."""


class Status:
    """The engine writes it, anybody reads ``state``."""

    def __init__(self) -> None:
        self._state = State()
        self._lock = threading.Lock()
        self._denoising_s = self._previewing_s = 0.0

    @property
    def state(self) -> State:
        """The latest reading."""
        with self._lock:
            share = self._previewing_s / self._denoising_s if self._denoising_s else 0.0
            return dataclasses.replace(self._state, preview_share=share)

    def tell(self, message: str) -> None:
        """Busy with something before it can paint."""
        with self._lock:
            self._state = dataclasses.replace(self._state, ready=False, message=message)

    def ready(self, placement: str, plan: str = "") -> None:
        """It can paint; a ``plan`` is told until there is another."""
        with self._lock:
            plan = plan or self._state.plan
            self._state = dataclasses.replace(self._state, ready=True, message="ready", placement=placement, plan=plan)

    def count(self, seconds: float) -> None:
        """A run's step took that long; of forwards for several runs, its share."""
        with self._lock:
            before = self._state.step_s
            self._denoising_s += seconds
            mean = seconds if not before else 0.9 * before + 0.1 * seconds
            self._state = dataclasses.replace(self._state, step_s=mean, steps=self._state.steps + 1)

    def previewed(self, seconds: float) -> None:
        """A preview took that long."""
        with self._lock:
            self._previewing_s += seconds
