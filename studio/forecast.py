"""When waiting runs will begin, by what forwards were measured to take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from studio.pace import Kind, Pace
from studio.presets import SAMPLERS
from studio.run import Run
from studio.turns import QUANTUM_S, InHand


def begins(painted: Sequence[tuple[Run, InHand]], waiting: Sequence[Run], slots: int, pace: Pace) -> list[float | None]:
    """Seconds until each waiting run begins, in their order; None where no step was measured yet.
    ``painted`` are the runs that have their turn; long ones give it up for those that wait."""
    left = [_least(_work_s(run, pace), max(QUANTUM_S - hand.served_s, 0.0)) for run, hand in painted]
    works = [_work_s(run, pace) for run in waiting]
    known = [work for work in (*left, *works) if work is not None]
    if len(known) < len(left) + len(works):
        return [None] * len(waiting)
    kind, rows = _forward(waiting[0])
    alone = pace.seconds(kind, rows) or 1.0

    def stretch(runs: int) -> float:
        return (pace.seconds(kind, rows * runs) or alone * runs) / alone

    return list(starts(known[: len(left)], known[len(left) :], slots, stretch))


def starts(left: Sequence[float], waiting: Sequence[float], slots: int, stretch: Callable[[int], float]) -> list[float]:
    """Seconds until each waiting run begins, in their order. Pure.

    ``left`` and ``waiting`` are the seconds that runs in hand still take, and waiting ones will take, painted
    alone; ``stretch(n)`` is how many times longer a step takes when n runs are painted together.
    """
    now, painting, begin = 0.0, list(left), []
    for work in waiting:
        while len(painting) >= slots:
            first = min(painting)
            now += first * stretch(len(painting))
            painting = [rest - first for rest in painting if rest > first]
        begin.append(now)
        painting.append(work)
    return begin


def _work_s(run: Run, pace: Pace) -> float | None:
    """Seconds that the rest of a run takes, painted alone."""
    request, done = run.request, run.kept + len(run.recording)
    steps = run.evaluations or (request.steps - request.skipped) * SAMPLERS[request.sampler].evaluations
    step = pace.seconds(*_forward(run))
    return None if step is None else max(steps - done, 1) * step


def _forward(run: Run) -> tuple[Kind, int]:
    request = run.request
    guided = 2 if request.cfg_scale > 1 else 1
    return Kind.of(request), request.batch_size * guided


def _least(work: float | None, most: float) -> float | None:
    return None if work is None else min(work, most)
