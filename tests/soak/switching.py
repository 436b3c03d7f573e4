"""Switching between two models of which one fits: what the process holds after each switch.

python -m tests.soak.switching [switches]
"""

from __future__ import annotations

import gc
import sys
import tempfile
from pathlib import Path

import psutil

from studio import GenerationRequest, Settings, Studio
from studio.models import memory
from studio.models.library import Source
from studio.models.weights import weigh
from tests.bench.loading import make


def main(switches: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        models = Path(made) / "models"
        for name in ("one", "two"):
            size = make(models / name)
        held = weigh(Source(models / "one")).held(memory.WHOLE, "fp32") + memory.WORKING["cpu"]
        settings = Settings(
            models=(models,), outputs=Path(made) / "out", device="cpu", precision="fp32",
            model_memory_gb=1.2 * held / memory.GIB,
        )  # fmt: skip
        print(f"two models of {size / 2**20:.0f} MB; megabytes of the process after each switch:")
        taken = []
        with Studio(settings) as studio:
            for index in range(switches):
                request = GenerationRequest(model=("one", "two")[index % 2], steps=1, width=64, height=64, seed=index)
                assert studio.submit(request).result.paths
                assert studio.engine is not None
                assert len(studio.engine.shelf.held) == 2, "both are held at once"
                gc.collect()
                taken.append(psutil.Process().memory_info().rss / 2**20)
                print(f"{taken[-1]:.0f}", end=" ", flush=True)
        quarter = len(taken) // 4
        grown = _mean(taken[-quarter:]) - _mean(taken[quarter : 2 * quarter])
        print(f"\nmean of the last quarter less that of the second: {grown:+.0f} MB")


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
