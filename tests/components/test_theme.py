"""Colours: text can be read on what it stands on, in both themes (WCAG 2.2 AA, 4.5 to 1)."""

from __future__ import annotations

import pytest

from components.theme import DARK, LIGHT

TEXTS = [(ink, ground) for ink in ("ink", "quiet", "info", "bad") for ground in ("ground", "panel")] + [
    ("accent_ink", "accent")
]


def luminance(colour: str) -> float:
    """Relative luminance (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)."""
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize(("ink", "ground"), TEXTS)
def test_text_can_be_read(palette: dict[str, str], ink: str, ground: str) -> None:
    lighter, darker = sorted((luminance(palette[ink]), luminance(palette[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
