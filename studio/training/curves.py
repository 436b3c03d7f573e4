"""The stages' loss curves, as they ship with the model for its card."""

from __future__ import annotations

import csv
import json
from pathlib import Path

ENDING = "-loss.csv"
MOST_POINTS = 120


def gathered(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Minutes of training and the running loss, by stage, of the curves that the training loop wrote into a
    folder; at most ``MOST_POINTS`` of each, spread evenly, the last one among them."""
    return {path.name.removesuffix(ENDING): _thinned(_read(path)) for path in sorted(folder.glob(f"*{ENDING}"))}


def write(folder: Path, into: Path) -> None:
    """Put a folder's curves into the model's; those of stages that were trained elsewhere stay."""
    shipped = into / "curves.json"
    known = json.loads(shipped.read_text(encoding="utf-8")) if shipped.exists() else {}
    shipped.write_text(json.dumps(known | gathered(folder)) + "\n", encoding="utf-8")


def _read(path: Path) -> list[tuple[float, float]]:
    with path.open(newline="") as file:
        return [(round(float(row["seconds"]) / 60, 2), float(row["loss"])) for row in csv.DictReader(file)]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    apart = max(1, -(-len(points) // MOST_POINTS))
    return points[::-1][::apart][::-1]
