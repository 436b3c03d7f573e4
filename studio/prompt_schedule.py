"""Prompt scheduling as the AUTOMATIC1111 web UI writes it: which words are in force at a step.

``[from:to:when]`` changes at a step, ``[to:when]`` adds, ``[from::when]`` removes, ``[a|b]``
takes turns. ``when`` with a point is a share of the steps (0.5), without one a step's number:
up to and with that step the first text holds. Brackets may be nested; ``\\[`` is a plain one.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from studio.prompting.brackets import outermost, split
from studio.prompting.lora_tags import lora_tags

NUMBER = re.compile(r"\s*(\d{1,6}(?:\.\d{0,6})?|\.\d{1,6})\s*")
DEEPEST = 16
"""Brackets nested deeper than this are plain text."""


@dataclass(frozen=True)
class _Change:
    """``[before:after:when]``."""

    before: tuple[_Part, ...]
    after: tuple[_Part, ...]
    when: str

    def at(self, step: int, steps: int) -> str:
        last = int(float(self.when) * steps) if "." in self.when else int(self.when)
        return _text(self.before if step <= last else self.after, step, steps)


@dataclass(frozen=True)
class _Turns:
    """``[a|b|c]``."""

    options: tuple[tuple[_Part, ...], ...]

    def at(self, step: int, steps: int) -> str:
        return _text(self.options[(step - 1) % len(self.options)], step, steps)


_Part = str | _Change | _Turns


def words_at(prompt: str, step: int, steps: int) -> str:
    """The prompt in force at a step, 1 for the first, of ``steps``, without its LoRA tags. Never raises; marks that
    are no scheduling stay as they are."""
    return _text(_read(prompt), step, steps)


def words(prompt: str, steps: int) -> tuple[str, ...]:
    """The prompt in force at each step, without its LoRA tags."""
    parts = _read(prompt)
    return tuple(_text(parts, step, steps) for step in range(1, steps + 1))


def is_scheduled(prompt: str) -> bool:
    """Whether the prompt holds any scheduling."""
    return any(not isinstance(part, str) for part in _read(prompt))


@functools.lru_cache(64)
def _read(prompt: str) -> tuple[_Part, ...]:
    # Tags hold colons of their own, which are none of a bracket's.
    return _parts(lora_tags(prompt)[0], 0)


def _text(parts: tuple[_Part, ...], step: int, steps: int) -> str:
    return "".join(part if isinstance(part, str) else part.at(step, steps) for part in parts)


def _parts(text: str, depth: int) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    done = 0
    for start, end in outermost(text, "[", "]") if depth < DEEPEST else ():
        parts += [text[done:start], *_bracket(text[start + 1 : end], depth + 1)]
        done = end + 1
    return tuple(part for part in (*parts, text[done:]) if part != "")


def _bracket(inner: str, depth: int) -> tuple[_Part, ...]:
    options = split(inner, "|", "([", ")]")
    if len(options) > 1:
        return (_Turns(tuple(_parts(option, depth) for option in options)),)
    pieces = split(inner, ":", "([", ")]")
    when = NUMBER.fullmatch(pieces[-1])
    if when and len(pieces) in (2, 3):
        before = pieces[0] if len(pieces) == 3 else ""
        return (_Change(_parts(before, depth), _parts(pieces[-2], depth), when[1]),)
    return ("[", *_parts(inner, depth), "]")
