"""Prompts the embedded model can paint, from the words it was taught."""

from __future__ import annotations

import json
import random
import re
from html import escape
from typing import Any

import gradio as gr

from components.stage import ASSETS
from studio import prompt_schedule
from studio.models.library import EMBEDDED, EMBEDDED_FOLDER, EMBEDDED_QUICK
from studio.prompting.alternatives import NAME
from studio.prompting.lora_tags import lora_tags

EXAMPLES = (
    "a fox in a forest in the snow",
    "a rocket on the moon",
    "three apples in a kitchen",
    "a watercolour of a house in the mountains",
)
_VOCABULARY = json.loads((EMBEDDED_FOLDER / "vocabulary.json").read_text(encoding="utf-8"))
THINGS: list[str] = _VOCABULARY["things"]
PHRASES: list[str] = [
    *THINGS,
    *(synonym for synonyms in _VOCABULARY["synonyms"].values() for synonym in synonyms),
    *_VOCABULARY["places"],
    *_VOCABULARY["times"],
    *_VOCABULARY["weathers"],
    *_VOCABULARY["styles"],
]
"""What completion offers."""
KNOWN: frozenset[str] = frozenset(_VOCABULARY["words"])
MOST_NAMED = 5
MARKS = re.compile(rf"{NAME.pattern}|\b(?:AND|BREAK)\b")


def build() -> Any:
    """The component that completes what is typed, in the layout that is open."""
    return gr.HTML(
        {"phrases": PHRASES},
        html_template='<div class="sw-completions" role="group" aria-label="Completions, Tab takes the first"></div>',
        js_on_load=(ASSETS / "completion.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="completions",
        padding=False,
    )


def surprise() -> str:
    """A prompt of a thing, a place, a time and sometimes a weather and a style."""
    thing, place = random.choice(THINGS), random.choice(_VOCABULARY["places"])
    words = [f"{'an' if thing[0] in 'aeio' else 'a'} {thing}", place]
    if place not in _VOCABULARY["indoors"] and random.random() < 0.35:
        words.append(random.choice(_VOCABULARY["weathers"]))
    if place not in _VOCABULARY["timeless"]:
        words.append(random.choice(_VOCABULARY["times"]))
    told = " ".join(words)
    styled = len(_VOCABULARY["styles"]) > 1 and random.random() < 0.5
    return f"{told}, {random.choice(_VOCABULARY['styles'])}" if styled else told


def unknown(prompt: str) -> list[str]:
    """The words of a prompt that the embedded model was never taught, each once, in order.
    Scheduling marks are no words; plurals of what it knows count as known."""
    texts = {*prompt_schedule.words(MARKS.sub(" ", lora_tags(prompt)[0]), 4)}
    words = [word for text in sorted(texts) for word in re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text)]
    return [word for word in dict.fromkeys(words) if not _is_known(word.lower())]


def on_unknown(prompt: str | None, model: str) -> str:
    """A note on words that the embedded model does not know; empty for other models."""
    words = unknown(prompt or "") if model in (EMBEDDED, EMBEDDED_QUICK) else []
    named = ", ".join(f"“{word}”" for word in words[:MOST_NAMED])
    more = f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else ""
    return escape(f"This model has never seen: {named}{more}.") if words else ""


def _is_known(word: str) -> bool:
    """The tokenizer reads the parts between hyphens one by one."""
    parts = [(part, part.removesuffix("s"), part.removesuffix("es")) for part in word.split("-")]
    return all(any(form in KNOWN for form in forms) for forms in parts)
