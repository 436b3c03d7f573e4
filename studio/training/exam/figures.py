"""A figure with its target, and the table of them in the model card."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

START, END = "<!-- figures -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Figure:
    """One thing measured: what it is called, its value, and the least or most it should be (None: no target)."""

    name: str
    value: float
    unit: str = ""
    least: float | None = None
    most: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether it is where it should be; None without a target."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def target(self) -> str:
        """The target in words."""
        if self.least is not None:
            return f"at least {_told(self.least, self.unit)}"
        return f"at most {_told(self.most, self.unit)}" if self.most is not None else ""


def share(name: str, value: float, least: float | None = None) -> Figure:
    """A share from 0 to 1, told in percent."""
    return Figure(name, round(100 * value, 1), "%", least)


def _told(value: float, unit: str) -> str:
    return f"{value:g} {unit}".strip() if unit != "%" else f"{value:g}%"


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table; what falls short says so."""
    rows = ["| | measured | target | |", "|---|---|---|---|"]
    for figure in figures:
        verdict = {True: "reached", False: "**short**", None: ""}[figure.reached]
        rows.append(f"| {figure.name} | {_told(figure.value, figure.unit)} | {figure.target} | {verdict} |")
    return "\n".join(rows)


def write(figures: list[Figure], path: Path) -> None:
    """All figures as JSON."""
    rows = [asdict(figure) | {"reached": figure.reached} for figure in figures]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def put_into_card(figures: list[Figure], card: Path) -> bool:
    """Replace the table between the card's two marks; False where it has none."""
    text = card.read_text(encoding="utf-8")
    if START not in text or END not in text:
        return False
    before, rest = text.split(START, 1)
    after = rest.split(END, 1)[1]
    card.write_text(f"{before}{START}\n{table(figures)}\n{END}{after}", encoding="utf-8")
    return True
