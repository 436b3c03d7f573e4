"""The one training loop: a time budget, checkpoints to resume from, a loss curve."""

import csv
import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from studio.models.device import computes_in_bf16
from studio.training.optimiser import Optimiser

CHECKPOINT_EVERY_S = 120.0
WARMUP_SHARE = 0.02
WORTH_COMPILING = 8.0
"""Minutes of training from which on it is."""
EMA_HALF_LIFE_SHARE = 0.02
"""The averaged weights forget half of the past in this share of the whole training."""


@dataclass(frozen=True)
class Plan:
    """How long and how fast one stage trains.

    ``minutes`` is the whole budget of training time, resumed runs counted in; the learning rate
    rises linearly, then follows a cosine down to a hundredth of ``learning_rate``.
    """

    folder: Path
    name: str
    minutes: float
    learning_rate: float
    base: str = ""
    """The fingerprint of the weights that it builds on; a checkpoint made on others is begun anew."""
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    muon: bool = False
    """Whether weights that are matrices go by Muon, which pays for large ones."""


def fingerprint(module: nn.Module) -> str:
    """Which weights a module has, in half precision, as they are shipped."""
    digest = hashlib.sha256()
    for value in module.state_dict().values():
        digest.update(value.half().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def choose_device() -> torch.device:
    """CUDA where there is one, then MPS, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def batch_size(on_cpu: int, device: torch.device) -> int:
    """How many samples a step takes: eight times as many where there is a GPU to fill."""
    return on_cpu if device.type == "cpu" else 8 * on_cpu


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 autocast on the device's convolutions and products, where it computes in bf16; what is left in
    fp32 may use TF32."""
    torch.set_float32_matmul_precision("high")
    return torch.autocast(device.type, torch.bfloat16, enabled=computes_in_bf16(device))


def compiled(module: nn.Module, minutes: float) -> Callable[..., Tensor]:
    """The module compiled, where the training is long enough to win back the minute or two that takes: a step
    then takes three quarters of the time on a CPU."""
    faster: Callable[..., Tensor] = torch.compile(module) if minutes > WORTH_COMPILING else module
    return faster


def learning_rate_factor(progress: float) -> float:
    """What the learning rate is multiplied by at ``progress`` from 0 to 1."""
    if progress < WARMUP_SHARE:
        return max(progress / WARMUP_SHARE, 0.01)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


class Loop:
    """Trains ``module`` on losses until the plan's time is used up.

    The state (weights, their running average, optimiser, seconds used) is written atomically
    every two minutes, so that a stop at any moment loses at most that.
    """

    def __init__(self, module: nn.Module, plan: Plan) -> None:
        self.module, self.plan = module, plan
        self.average = {name: value.detach().clone() for name, value in module.state_dict().items()}
        self.optimiser = Optimiser(module, plan.learning_rate, plan.weight_decay, plan.muon)
        self.step, self.seconds, self.samples = 0, 0.0, 0
        self._budget_s = round(plan.minutes * 60)
        plan.folder.mkdir(parents=True, exist_ok=True)
        self._checkpoint = plan.folder / f"{plan.name}.pt"
        self._curve = plan.folder / f"{plan.name}-loss.csv"
        if self._checkpoint.exists():
            self._load(next(module.parameters()).device)
        self._take_back()

    @property
    def progress(self) -> float:
        """The share of the time budget used, 0 to 1."""
        return self.seconds / (self.plan.minutes * 60)

    def run(self, loss_of: Callable[[], tuple[Tensor, int]], sample: Callable[[], None]) -> None:
        """Train. ``loss_of`` gives the loss of a fresh batch and its size; ``sample`` draws a
        grid to look at, called with the averaged weights in place. Ctrl+C keeps what was learnt."""
        try:
            begun = min(round(self.seconds), self._budget_s)
            with tqdm(initial=begun, total=self._budget_s, unit="s", desc=self.plan.name) as bar:
                self._run(loss_of, sample, bar)
        except KeyboardInterrupt:
            self._save()
            raise

    def _run(self, loss_of: Callable[[], tuple[Tensor, int]], sample: Callable[[], None], bar: "tqdm[Any]") -> None:
        last, saved = time.monotonic(), time.monotonic()
        running: Tensor | None = None
        while self.progress < 1:
            loss, size = loss_of()
            self._update(loss)
            now = time.monotonic()
            spent, last = now - last, now
            self.seconds, self.samples, self.step = self.seconds + spent, self.samples + size, self.step + 1
            # The mean stays on the device: asking for it at every step would make a GPU wait.
            running = loss.detach() if running is None else running.lerp(loss.detach(), 0.02)
            if self.step % 50 == 0:
                bar.set_postfix(loss=f"{running.item():.4f}", step=self.step, samples=self.samples, refresh=False)
                bar.update(min(round(self.seconds), self._budget_s) - bar.n)
                self._note(running.item())
            if now - saved > CHECKPOINT_EVERY_S or self.progress >= 1:
                self._save()
                self.with_average(sample)
                saved = last = time.monotonic()

    def with_average(self, act: Callable[[], None]) -> None:
        """Call ``act`` while the module holds its averaged weights."""
        own = {name: value.clone() for name, value in self.module.state_dict().items()}
        self.module.load_state_dict(self.average)
        self.module.eval()
        try:
            with torch.no_grad():
                act()
        finally:
            self.module.load_state_dict(own)
            self.module.train()

    def _update(self, loss: Tensor) -> None:
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), self.plan.clip_norm)
        self.optimiser.step(self.plan.learning_rate * learning_rate_factor(self.progress))
        steps_in_all = max(self.step / max(self.progress, 1e-3), 200.0)
        keep = min(0.5 ** (1 / (steps_in_all * EMA_HALF_LIFE_SHARE)), (1 + self.step) / (10 + self.step))
        own = self.module.state_dict()
        averages, values = zip(
            *((self.average[name], own[name]) for name in own if own[name].is_floating_point()), strict=True
        )
        torch._foreach_lerp_(list(averages), list(values), 1 - keep)

    def _take_back(self) -> None:
        """Cut off what the curve tells of steps that were lost with a stop: they are taken again."""
        if self._curve.exists():
            head, *rows = self._curve.read_text().splitlines(keepends=True)
            kept = [row for row in rows if int(row.split(",")[0]) <= self.step]
            self._curve.write_text("".join([head, *kept]))

    def _note(self, loss: float) -> None:
        new = not self._curve.exists()
        with self._curve.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "samples", "seconds", "loss"])
            writer.writerow([self.step, self.samples, round(self.seconds, 1), round(loss, 5)])

    def _save(self) -> None:
        state = {
            "module": self.module.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "counts": (self.step, self.seconds, self.samples),
            "base": self.plan.base,
        }
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)

    def _load(self, device: torch.device) -> None:
        state = torch.load(self._checkpoint, weights_only=True, map_location=device)
        changed = ""
        if _shapes(state["module"]) != _shapes(self.module.state_dict()):
            changed = "what it is made of"
        elif state.get("base") not in (None, "", self.plan.base):  # older ones do not say
            changed = "what it builds on"
        elif set(state["optimiser"]) != set(self.optimiser.state_dict()):
            changed = "its optimiser"
        if changed:
            tqdm.write(f"{self.plan.name}: {changed} has changed, so it begins anew")
            return
        self.module.load_state_dict(state["module"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds, self.samples = state["counts"]


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in weights.items()}
