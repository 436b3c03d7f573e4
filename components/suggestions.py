"""Prompts the embedded model can paint, from the words it was taught."""

import json
import random

from studio.models.library import EMBEDDED_FOLDER

EXAMPLES = (
    "a cat on a rainy street at night",
    "a rocket on the moon",
    "a penguin on a beach at sunset",
    "a castle in the mountains in the morning",
)
_WORDS = json.loads((EMBEDDED_FOLDER / "vocabulary.json").read_text(encoding="utf-8"))
THINGS: list[str] = _WORDS["things"]


def surprise() -> str:
    """A prompt of a thing, a place, a time and sometimes a weather."""
    thing, place = random.choice(THINGS), random.choice(_WORDS["places"])
    words = [f"{'an' if thing[0] in 'aeio' else 'a'} {thing}", place]
    if not place.endswith("moon"):
        if not place.endswith("room") and random.random() < 0.35:
            words.append(random.choice(_WORDS["weathers"]))
        words.append(random.choice(_WORDS["times"]))
    return " ".join(words)
