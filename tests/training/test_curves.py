"""Loss curves: from the loop's files into the model's folder, and from there onto its card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components import card
from studio.training import curves


def told(folder: Path, stage: str, count: int) -> None:
    folder.mkdir(exist_ok=True)
    rows = [f"{50 * step},{100 * step},{60 * step},{1 / step}" for step in range(1, count + 1)]
    (folder / f"{stage}-loss.csv").write_text("\n".join(["step,samples,seconds,loss", *rows]) + "\n")


def test_a_curve_is_thinned_and_keeps_its_end(tmp_path: Path) -> None:
    told(tmp_path, "decoder", 1000)
    found = curves.gathered(tmp_path)["decoder"]
    assert 60 <= len(found) <= curves.MOST_POINTS
    assert found[-1] == (1000.0, 0.001)
    assert found == sorted(found)


def test_curves_of_stages_trained_elsewhere_stay(tmp_path: Path) -> None:
    into = tmp_path / "model"
    into.mkdir()
    told(tmp_path / "earlier", "denoiser", 3)
    told(tmp_path / "later", "decoder", 2)
    for folder in ("earlier", "later"):
        curves.write(tmp_path / folder, into)
    assert json.loads((into / "curves.json").read_text()) == {
        "denoiser": [[1.0, 1.0], [2.0, 0.5], [3.0, pytest.approx(1 / 3)]],
        "decoder": [[1.0, 1.0], [2.0, 0.5]],
    }


def test_the_card_draws_each_stage_and_says_it_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "EMBEDDED_FOLDER", tmp_path)
    assert card.curves() == ""
    told(tmp_path, "few-steps", 4)
    curves.write(tmp_path, tmp_path)
    drawn = card.curves()
    assert drawn.count("<polyline") == 1
    assert 'aria-label="few-steps: loss 1 to 0.25 in 4 minutes"' in drawn
