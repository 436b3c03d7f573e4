"""The machine's last minutes as curves for the owner's page, each with the sentence that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studio.course import EVERY_S, POINTS, Point

MINUTES = round(EVERY_S * POINTS / 60)


def curves(points: Sequence[Point]) -> list[dict[str, Any]]:
    """What is drawn, in the order it is shown; none before there is a point."""
    if not points:
        return []
    found = [
        _curve("Steps a second", "", [point.steps_s for point in points], digits=1),
        _curve("Waiting", "", [point.waiting for point in points]),
        _curve("Memory", "MB", [point.memory / 2**20 for point in points]),
        _curve("Failed", "", [point.failed for point in points], in_all=True),
    ]
    degrees = [point.temperature for point in points if point.temperature is not None]
    return [*found, _curve("Hottest sensor", "°C", degrees)] if degrees else found


def _curve(name: str, unit: str, values: Sequence[float], digits: int = 0, in_all: bool = False) -> dict[str, Any]:
    """One curve: its values, the number beside it (the newest, or all of them together), and both in words."""
    shown = f"{sum(values) if in_all else values[-1]:,.{digits}f} {unit}".strip()
    least, most = f"{min(values):,.{digits}f}", f"{max(values):,.{digits}f}"
    went = f"always {most}" if least == most else f"from {least} to {most}"
    minutes = max(1, round(len(values) * EVERY_S / 60))
    past = f"in the last {minutes} minutes" if minutes > 1 else "in the last minute"
    said = f"{name}: {shown} {past}" if in_all else f"{name}: {shown} now; {past} {went}"
    return {
        "name": name,
        "shown": shown,
        "said": f"{said}.",
        "values": [round(value, digits + 1) for value in values],
        "points": POINTS,
    }
