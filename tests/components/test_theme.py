"""Colours: text can be read on what it stands on, and marks seen, in both themes (WCAG 2.2 AA: 4.5 and 3 to 1)."""

from __future__ import annotations

import re

import pytest

from components.stage import ASSETS
from components.theme import DARK, LIGHT, variables

TEXTS = [(ink, ground) for ink in ("ink", "quiet", "info", "bad") for ground in ("ground", "panel")] + [
    ("accent_ink", "accent")
]
STYLES = "".join(path.read_text(encoding="utf-8") for path in sorted(ASSETS.glob("*.css")))
CHOSEN = re.compile(r":focus-visible|:checked|\[aria-(pressed|selected|checked|expanded|current)")


def luminance(colour: str) -> float:
    """Relative luminance (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)."""
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize(("ink", "ground"), TEXTS)
def test_text_can_be_read(palette: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(palette[ink], palette[ground]) >= 4.5


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("ground", ["ground", "panel", "line"])
def test_focus_and_choice_can_be_seen(palette: dict[str, str], ground: str) -> None:
    assert contrast(palette["mark"], palette[ground]) >= 3


def test_focus_and_choice_are_marked_in_that_colour() -> None:
    marking = [rule for rule in re.findall(r"[^{}]+\{[^{}]*\}", STYLES) if CHOSEN.search(rule.split("{")[0])]
    assert len(marking) > 10
    assert not [rule for rule in marking if "--sw-accent" in rule]


def test_every_colour_that_a_style_names_is_there() -> None:
    scripts = "".join(path.read_text(encoding="utf-8") for path in ASSETS.rglob("*.js"))
    named = set(re.findall(r"var\((--sw-[a-z-]+)", STYLES))
    given = set(re.findall(r"(--sw-[a-z-]+)[:\"]", variables() + STYLES + scripts))
    assert named <= given
