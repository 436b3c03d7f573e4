"""Brackets in prompts: which letters count, where brackets open and close, what stands between marks. Pure."""

from __future__ import annotations

import re

_LETTER = re.compile(r"\\.|.", re.DOTALL)


def unescaped(text: str) -> list[tuple[int, str]]:
    """The letters of a text that no backslash stands before, with their places."""
    return [(match.start(), match[0]) for match in _LETTER.finditer(text) if len(match[0]) == 1]


def outermost(text: str, opening: str, closing: str) -> list[tuple[int, int]]:
    """Where the outermost brackets that are closed open and close, in order."""
    found: list[tuple[int, int]] = []
    opened: list[int] = []
    for position, letter in unescaped(text):
        if letter == opening:
            opened.append(position)
        elif letter == closing and opened:
            start = opened.pop()
            while found and found[-1][0] > start:
                found.pop()
            found.append((start, position))
    return found


def split(text: str, mark: str, opening: str, closing: str) -> list[str]:
    """The pieces between marks that stand in none of these brackets."""
    pieces, depth, start = [], 0, 0
    for position, letter in unescaped(text):
        depth += (letter in opening) - (letter in closing)
        if letter == mark and depth <= 0:
            pieces.append(text[start:position])
            start = position + 1
    return [*pieces, text[start:]]
