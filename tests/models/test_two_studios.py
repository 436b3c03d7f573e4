"""Two studios in one process do not disturb each other."""

from __future__ import annotations

from pathlib import Path

from studio import GenerationRequest, Settings, Studio


def test_two_studios_may_load_at_once(models: Path, tmp_path: Path) -> None:
    settings = Settings(models=(models,), outputs=tmp_path, device="cpu", precision="fp32")
    with Studio(settings) as one, Studio(settings) as other:
        runs = [each.submit(GenerationRequest(model="tiny-v", steps=1, width=64, height=64)) for each in (one, other)]
        assert all(run.result.paths for run in runs)
