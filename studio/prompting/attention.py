"""Attention weights as the AUTOMATIC1111 web UI writes them: ``(word)``, ``[word]``, ``(word:1.3)``.

Round brackets weigh by 1.1, square ones by 1 / 1.1, and those in one another multiply. ``\\(`` is a
plain bracket, and so on for ``)``, ``[``, ``]``, ``{``, ``}`` and ``\\`` itself. What is never closed holds to the end.
BREAK, in capitals, ends a chunk of 75 tokens. Prompt weighting libraries (compel for one) have marks of
their own; these are the ones that people's prompts are written in, so they are read here.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from itertools import groupby

MARK = re.compile(
    r"\\[()\[\]{}\\]|[(\[\])]|:\s*([+-]?(?:\d{1,4}(?:\.\d{0,20})?|\.\d{1,20}))\s*\)|(?:(?<!\s)\s+)?+\bBREAK\b\s*"
)
ESCAPED = re.compile(r"[()\[\]{}\\]")
PLAIN_WEIGHTS = {"(": 1.1, "[": 1 / 1.1}
"""Of brackets without a number, and of those that are never closed."""
HEAVIEST = 1e6
"""Brackets within brackets multiply no further: every weight is a finite number."""


@dataclass(frozen=True)
class Weighted:
    """A piece of a prompt, its escapes taken out, and how much attention it gets; 1 is plain."""

    text: str
    weight: float = 1.0


Section = tuple[Weighted, ...]
"""What stands between two BREAKs; neighbours differ in weight, none is empty."""


@functools.lru_cache(64)
def parse(prompt: str) -> tuple[Section, ...]:
    """The sections of a prompt, at least one, which may be empty. Never raises; marks that close
    nothing are plain text."""
    reader = _Reader()
    done = 0
    for mark in MARK.finditer(prompt):
        reader.add(prompt[done : mark.start()])
        reader.read(mark[0], mark[1])
        done = mark.end()
    reader.add(prompt[done:])
    return reader.sections()


def escape(text: str) -> str:
    """Text in which every bracket is a plain one."""
    return ESCAPED.sub(r"\\\g<0>", text)


def is_plain(prompt: str) -> bool:
    """Whether a prompt says nothing but its text: one section, all of it of weight 1."""
    sections = parse(prompt)
    return len(sections) == 1 and all(piece.weight == 1 for piece in sections[0])


class _Reader:
    """Pieces so far (None for a BREAK), each with the innermost brackets of both kinds that it stands in.

    What a bracket weighs is known where it closes, so its pieces are weighed at the end: from the outermost
    in, each bracket once.
    """

    def __init__(self) -> None:
        self._pieces: list[tuple[str, int, int] | None] = []
        self._weights, self._outer = [1.0], [0]
        """Of every bracket, by its number, and the number of the one around it. Number 0 is none."""
        self._innermost = {"(": 0, "[": 0}
        """Kept apart, as the web UI does: ``(a [b) c]`` is well said."""

    def add(self, text: str) -> None:
        if text:
            self._pieces.append((text, self._innermost["("], self._innermost["["]))

    def read(self, mark: str, weight: str | None) -> None:
        """Take a mark; ``weight`` is the number of one that reads ``:1.3)``."""
        if mark in self._innermost:
            self._weights.append(PLAIN_WEIGHTS[mark])
            self._outer.append(self._innermost[mark])
            self._innermost[mark] = len(self._outer) - 1
        elif mark.endswith(")") and mark[0] != "\\" and self._innermost["("]:
            self._close("(", weight)
        elif mark == "]" and self._innermost["["]:
            self._close("[", None)
        elif mark.strip() == "BREAK":
            self._pieces.append(None)
        else:
            self.add(mark[1:] if mark[0] == "\\" else mark)

    def sections(self) -> tuple[Section, ...]:
        weighed: list[float] = []
        for weight, outer in zip(self._weights, self._outer, strict=True):
            weighed.append(_bounded(weighed[outer] * weight) if weighed else weight)
        parts: list[list[Weighted]] = [[]]
        for piece in self._pieces:
            if piece is None:
                parts.append([])
            else:
                text, in_round, in_square = piece
                parts[-1].append(Weighted(text, _bounded(weighed[in_round] * weighed[in_square])))
        return tuple(_merged(part) for part in parts)

    def _close(self, bracket: str, weight: str | None) -> None:
        closed = self._innermost[bracket]
        if weight is not None:
            self._weights[closed] = float(weight)
        self._innermost[bracket] = self._outer[closed]


def _bounded(weight: float) -> float:
    return min(max(weight, -HEAVIEST), HEAVIEST)


def _merged(pieces: list[Weighted]) -> Section:
    runs = groupby(pieces, key=lambda piece: piece.weight)
    return tuple(Weighted("".join(piece.text for piece in run), weight) for weight, run in runs)
