"""Prompts from which one is chosen, as the web UI's dynamic-prompts extension writes them.

``{a|b|c}`` is one of them, ``{0.5::a|2::b}`` with weights, ``{2$$a|b|c}`` two, ``{1-2$$a|b|c}`` one or two,
``{2$$ and $$a|b|c}`` joined by a text of one's own. ``__name__`` is a line of a file of that name, which may hold
the same marks again. ``\\{`` is a plain brace, and so are braces without ``|`` or ``$$``. Pure.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from studio.errors import RequestRefused
from studio.prompting.brackets import outermost, split
from studio.prompting.lora_tags import TAG

NAME = re.compile(r"__([^\W_](?:[\w\-/]{0,98}?[^\W_])?)__")
TAG_OR_NAME = re.compile(f"{TAG.pattern}|{NAME.pattern}")
"""Tags first: the name of a LoRA's file may have two underlines on each side of a word."""
COUNT = re.compile(r"\s*(\d{1,3})(?:-(\d{1,3}))?\$\$")
WEIGHT = re.compile(r"\s*(\d{1,4}(?:\.\d{0,6})?)::")
DEEPEST = 16
"""Braces nested deeper than this are plain text; files may name files that far."""
LONGEST = 20_000
"""Characters that a choice may grow to while it is made."""
Lines = Callable[[str], Sequence[str]]
"""From the name of a file to its lines."""


def chosen(prompt: str, seed: int, lines: Lines) -> str:
    """A prompt in which nothing is left to choose; the same for the same seed and lines.

    Raises:
        RequestRefused: if files name each other in a circle, and whatever ``lines`` raises.
    """
    source = random.Random(seed)
    for _ in range(DEEPEST):
        made = TAG_OR_NAME.sub(lambda found: _named(found, source, lines), _short(_braces(prompt, source, 0)))
        if made == prompt:
            return made
        prompt = _short(made)
    raise RequestRefused("prompt", "The wildcards of this prompt name each other in a circle.")


def _named(found: re.Match[str], source: random.Random, lines: Lines) -> str:
    tag, name = found.groups()
    return source.choice(lines(name)) if tag is None else found[0]


def _short(made: str) -> str:
    if len(made) > LONGEST:
        raise RequestRefused("prompt", "What is chosen for this prompt is too long: choose from less.")
    return made


def _braces(text: str, source: random.Random, depth: int) -> str:
    """A text in which every pair of braces has been chosen from, those within the choice as well."""
    made, done = "", 0
    for start, end in outermost(text, "{", "}") if depth < DEEPEST else ():
        inner = text[start + 1 : end]
        choice = _choice(inner, source, depth + 1)
        made += text[done:start] + (f"{{{_braces(inner, source, depth + 1)}}}" if choice is None else choice)
        done = end + 1
    return made + text[done:]


def _choice(inner: str, source: random.Random, depth: int) -> str | None:
    """What is chosen of the inside of braces; None where there is nothing to choose."""
    count = COUNT.match(inner)
    options, joint = split(inner[count.end() :] if count else inner, "|", "{[", "}]"), ", "
    if count is None and len(options) == 1:
        return None
    least, most = (int(count[1]), int(count[2] or count[1])) if count else (1, 1)
    if count and "$$" in options[0]:
        joint, _, options[0] = options[0].partition("$$")
    picked = _picked(options, source.randint(min(least, most), max(least, most)), source)
    return joint.join(_braces(option, source, depth) for option in picked)


def _picked(options: Sequence[str], count: int, source: random.Random) -> list[str]:
    """So many different ones, each as likely as its weight says."""
    left, weights = [], []
    for option in options:
        weight = WEIGHT.match(option)
        left.append(option[weight.end() :] if weight else option)
        weights.append(float(weight[1]) if weight else 1.0)
    picked = []
    for _ in range(min(count, len(left))):
        at = source.choices(range(len(left)), weights if any(weights) else None)[0]
        picked.append(left.pop(at))
        del weights[at]
    return picked
