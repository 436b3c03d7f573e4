"""Text on exported sheets, in the font that Pillow brings along."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from PIL import ImageDraw, ImageFont

GROUND, INK, QUIET, ACTS = "#111214", "#eceae4", "#9a9a97", "#f0a84b"
"""The page's colours."""
LINE_HEIGHT = 1.35
EXTRA = "«°±´·»‘’“”…"
"""What the font has beyond ASCII."""
STAND_INS = {"σ": "sigma", "×": "x", "→": "->", "–": "-", "—": "-", "−": "-", "ß": "ss", "ø": "o", "ł": "l", "æ": "ae"}


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, the same on every machine."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)  # Pillow's packages all bring FreeType
    return found


def legible(text: str) -> str:
    """The text in the letters that the font has: accents are dropped, the rest becomes "?"."""
    return " ".join("".join(map(_letter, text)).split())


@cache
def _letter(letter: str) -> str:
    if letter.isspace() or " " <= letter <= "~" or letter in EXTRA:
        return letter
    if letter.lower() in STAND_INS:
        return STAND_INS[letter.lower()]
    if unicodedata.category(letter) in ("Mn", "Cf", "Cc"):  # accents, joiners and other invisible marks
        return ""
    bare = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return bare or "?"


def wrapped(text: str, width: float, measure: Callable[[str], float], most: int) -> list[str]:
    """The text in lines no wider than ``width``, words too long for one broken; of more than
    ``most`` lines the last says that there is more. A line holds one letter at least."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and measure(f"{line} {word}") <= width:
            line = f"{line} {word}"
            continue
        lines += [line] if line else []
        *full, line = _broken(word, width, measure)
        lines += full
    lines += [line] if line else []
    return lines if len(lines) <= most else [*lines[: most - 1], _cut(lines[most - 1], width, measure)]


def _broken(word: str, width: float, measure: Callable[[str], float]) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and measure(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _cut(line: str, width: float, measure: Callable[[str], float]) -> str:
    while line and measure(f"{line}…") > width:
        line = line[:-1]
    return f"{line.rstrip()}…"


@dataclass(frozen=True)
class Paragraph:
    """Lines of one size and colour, ready to be drawn."""

    lines: list[str]
    size: int
    colour: str

    @property
    def line_height(self) -> int:
        """From one line to the next."""
        return round(self.size * LINE_HEIGHT)

    @property
    def height(self) -> int:
        """Of all lines."""
        return self.line_height * len(self.lines)

    @property
    def width(self) -> int:
        """Of the widest line."""
        return max((round(font(self.size).getlength(line)) for line in self.lines), default=0)

    def draw(self, draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
        """Put it on a picture."""
        for number, line in enumerate(self.lines):
            draw.text((x, y + number * self.line_height), line, self.colour, font(self.size))


def paragraph(text: str, size: int, colour: str, width: float, most: int = 8) -> Paragraph:
    """The text wrapped to ``width``."""
    return Paragraph(wrapped(legible(text), width, font(size).getlength, most), size, colour)
