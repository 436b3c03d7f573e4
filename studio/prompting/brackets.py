"""Brackets in prompts: which letters count, where brackets open and close, what stands between marks. Pure."""

from __future__ import annotations

import re


def unescaped(text: str, letters: str) -> list[tuple[int, str]]:
    """Those of the letters in a text that no backslash stands before, with their places."""
    found = re.finditer(rf"\\.|[{re.escape(letters)}]", text, re.DOTALL)
    return [(match.start(), match[0]) for match in found if len(match[0]) == 1]


def outermost(text: str, opening: str, closing: str) -> list[tuple[int, int]]:
    """Where the outermost brackets that are closed open and close, in order."""
    found: list[tuple[int, int]] = []
    opened: list[int] = []
    for position, letter in unescaped(text, opening + closing):
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
    for position, letter in unescaped(text, mark + opening + closing):
        depth += (letter in opening) - (letter in closing)
        if letter == mark and depth <= 0:
            pieces.append(text[start:position])
            start = position + 1
    return [*pieces, text[start:]]
