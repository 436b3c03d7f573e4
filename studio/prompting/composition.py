"""Prompts joined by AND, as the AUTOMATIC1111 web UI writes them: ``a cat AND a dog :1.2``.

Each part is predicted by itself, and what guidance adds for each is added up (composable diffusion, Liu
et al. 2022, https://arxiv.org/abs/2206.01714). The number behind a part's last colon is its weight. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from studio import prompt_schedule

AND = re.compile(r"\bAND\b")
WEIGHT = re.compile(r"\s*([+-]?(?:\d{1,4}(?:\.\d{0,6})?|\.\d{1,6}))\s*")


@dataclass(frozen=True)
class Part:
    """One of the prompts that are joined, and how much of its guidance is added."""

    text: str
    weight: float = 1.0


def parts(prompt: str) -> tuple[Part, ...]:
    """The parts of a prompt, at least one; without AND the whole prompt, whatever stands behind a
    colon. Those of weight 0 add nothing and are left out. Never raises."""
    texts = AND.split(prompt)
    if len(texts) == 1:
        return (Part(prompt),)
    found = tuple(_part(text) for text in texts)
    return tuple(part for part in found if part.weight) or found[:1]


def is_whole(found: tuple[Part, ...]) -> bool:
    """Whether parts are one prompt as it stands."""
    return len(found) == 1 and found[0].weight == 1


def is_composed(prompt: str) -> bool:
    """Whether a prompt has parts at any step."""
    return AND.search(prompt) is not None


def most_parts(prompt: str, steps: int) -> int:
    """The most parts that a prompt has at any of so many steps."""
    if not is_composed(prompt):
        return 1
    return max(len(parts(words)) for words in {*prompt_schedule.words(prompt, steps)})


def _part(text: str) -> Part:
    words, colon, behind = text.rpartition(":")
    weight = WEIGHT.fullmatch(behind) if colon else None
    return Part(words.strip(), float(weight[1])) if weight else Part(text.strip())
