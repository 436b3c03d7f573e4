"""What the owner sees drawn, and what says the same in words."""

from __future__ import annotations

from components.curves import curves
from studio.course import Point


def points(*speeds: float, **more: float) -> list[Point]:
    given = {"failed": 0, "waiting": 0, "memory": 512 * 2**20, "temperature": None} | more
    return [Point(steps_s=speed, **given) for speed in speeds]  # type: ignore[arg-type]


def said(*speeds: float, **more: float) -> dict[str, str]:
    return {curve["name"]: curve["said"] for curve in curves(points(*speeds, **more))}


def test_nothing_is_drawn_before_there_is_anything() -> None:
    assert curves([]) == []


def test_every_curve_is_also_a_sentence() -> None:
    found = said(0, 12.5, 31.8, failed=1)
    assert found["Steps a second"] == "Steps a second: 31.8 now; in the last minute from 0.0 to 31.8."
    assert found["Waiting"] == "Waiting: 0 now; in the last minute always 0."
    assert found["Memory"] == "Memory: 512 MB now; in the last minute always 512."
    assert found["Failed"] == "Failed: 3 in the last minute."


def test_a_sentence_says_how_long_it_looks_back() -> None:
    assert "in the last 10 minutes" in said(*[1.0] * 120)["Waiting"]


def test_a_temperature_is_drawn_where_there_is_one() -> None:
    assert "Hottest sensor" not in said(1, 2)
    assert said(1, 2, temperature=61.4)["Hottest sensor"].startswith("Hottest sensor: 61 °C now")
