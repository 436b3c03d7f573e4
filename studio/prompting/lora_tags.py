"""LoRA tags as the AUTOMATIC1111 web UI writes them into prompts: ``<lora:name:0.8>``.

The first number is the weight in the text encoder and, unless a second one follows, in the denoiser:
``<lora:name:text:denoiser>``, or by name: ``<lora:name:te=0.5:unet=1>``. No number is 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TAG = re.compile(r"<(?:lora|lyco):([^<>]{1,400})>")
NUMBER = re.compile(r"\s*[+-]?(?:\d{1,4}(?:\.\d{0,6})?|\.\d{1,6})\s*")
NAMED = ("te", "unet")


@dataclass(frozen=True)
class LoraTag:
    """A LoRA that a prompt asks for; weights of 1 are as it was trained."""

    name: str
    unet_weight: float = 1.0
    text_weight: float = 1.0


def lora_tags(prompt: str) -> tuple[str, tuple[LoraTag, ...]]:
    """The prompt without its LoRA tags, and the tags in their order. Never raises; a tag whose name
    is missing or whose weights are no numbers stays in the prompt, so that it is seen there."""
    found: list[LoraTag] = []

    def taken(match: re.Match[str]) -> str:
        tag = _tag(match[1])
        if tag is None:
            return match[0]
        found.append(tag)
        return ""

    return TAG.sub(taken, prompt), tuple(found)


def _tag(inner: str) -> LoraTag | None:
    name, *given = inner.split(":")
    in_order = [value for value in given if "=" not in value]
    by_name = {key.strip(): value for key, _, value in (pair.partition("=") for pair in given if "=" in pair)}
    numbers = [*in_order, *by_name.values()]
    if not name.strip() or len(in_order) > 2 or not by_name.keys() <= {*NAMED}:
        return None
    if not all(NUMBER.fullmatch(number) for number in numbers):
        return None
    text = float(by_name.get("te", in_order[0] if in_order else 1))
    unet = float(by_name.get("unet", in_order[1] if len(in_order) > 1 else text))
    return LoraTag(name.strip(), unet, text)
