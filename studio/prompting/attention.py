"""Attention weights as the AUTOMATIC1111 web UI writes them: ``(word)``, ``[word]``, ``(word:1.3)``.

Round brackets weigh by 1.1, square ones by 1 / 1.1, and those in one another multiply. ``\\(`` is a
plain bracket, and so on for ``)``, ``[``, ``]``, ``{``, ``}`` and ``\\`` itself. What is never closed holds to the end.
BREAK, in capitals, ends a chunk of 75 tokens. Prompt weighting libraries (compel for one) have marks of
their own; these are the ones that people's prompts are written in, so they are read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby

MARK = re.compile(r"\\[()\[\]{}\\]|[(\[\])]|:\s*([+-]?(?:\d{1,4}(?:\.\d{0,20})?|\.\d{1,20}))\s*\)|\s*\bBREAK\b\s*")
ESCAPED = re.compile(r"[()\[\]{}\\]")
ROUND, SQUARE = 1.1, 1 / 1.1
HEAVIEST = 1e6
"""Brackets within brackets multiply no further: every weight is a finite number."""


@dataclass(frozen=True)
class Weighted:
    """A piece of a prompt, its escapes taken out, and how much attention it gets; 1 is plain."""

    text: str
    weight: float = 1.0


Section = tuple[Weighted, ...]
"""What stands between two BREAKs; neighbours differ in weight, none is empty."""


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
    """Pieces so far (None for a BREAK), and where the brackets that are open began among them."""

    def __init__(self) -> None:
        self._pieces: list[Weighted | None] = []
        self._opened: dict[str, list[int]] = {"(": [], "[": []}
        """Kept apart, as the web UI does: ``(a [b) c]`` is well said."""

    def add(self, text: str) -> None:
        if text:
            self._pieces.append(Weighted(text))

    def read(self, mark: str, weight: str | None) -> None:
        """Take a mark; ``weight`` is the number of one that reads ``:1.3)``."""
        if mark in self._opened:
            self._opened[mark].append(len(self._pieces))
        elif mark.endswith(")") and mark[0] != "\\" and self._opened["("]:
            self._close("(", ROUND if weight is None else float(weight))
        elif mark == "]" and self._opened["["]:
            self._close("[", SQUARE)
        elif mark.strip() == "BREAK":
            self._pieces.append(None)
        else:
            self.add(mark[1:] if mark[0] == "\\" else mark)

    def sections(self) -> tuple[Section, ...]:
        for bracket, weight in (("(", ROUND), ("[", SQUARE)):
            while self._opened[bracket]:
                self._close(bracket, weight)
        parts: list[list[Weighted]] = [[]]
        for piece in self._pieces:
            if piece is None:
                parts.append([])
            else:
                parts[-1].append(piece)
        return tuple(_merged(part) for part in parts)

    def _close(self, bracket: str, weight: float) -> None:
        start = self._opened[bracket].pop()
        for at, piece in enumerate(self._pieces[start:], start):
            if piece is not None:
                self._pieces[at] = Weighted(piece.text, min(max(piece.weight * weight, -HEAVIEST), HEAVIEST))


def _merged(pieces: list[Weighted]) -> Section:
    runs = groupby(pieces, key=lambda piece: piece.weight)
    return tuple(Weighted("".join(piece.text for piece in run), weight) for weight, run in runs)
