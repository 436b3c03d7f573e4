"""What somebody types to keep the studio busy is read in work that grows with its length, not with its square."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from studio import prompt_schedule
from studio.errors import RequestRefused
from studio.prompting import alternatives, attention, composition, lora_tags
from studio.prompting.chunks import chunks

LENGTH = 1000
ATTENTION = ["(a", "[a", "a)", "a]", "(a)", "[a]", "(a:1.1)", "(a [b) c]", ":", "\\", "a BREAK "]
CHOICES = ["[", "[a|", "[a:", "[a:b:.5]", "[[a|b]|c]", "{", "{a|", "{a|b}", "{2$$a|b}", "__a"]
TAGS = ["<lora:", "<lora:a:1>", "<lora:a:", "a AND ", "a:1 AND "]
HOSTILE: dict[str, Callable[[int], str]] = {
    **{text: lambda length, text=text: (text * length)[:length] for text in [*ATTENTION, *CHOICES, *TAGS]},  # type: ignore[misc]
    "square in one another": lambda length: "[" * (length // 2) + "]" * (length // 2),
    "braces in one another": lambda length: "{a|" * (length // 4) + "}" * (length // 4),
    "changes in one another": lambda length: "[a:" * (length // 6) + ":.5]" * (length // 8),
    "round, weighed": lambda length: "(a" * (length // 8) + ":1.1)" * (length // 8),
}
READERS: dict[str, Callable[[str], Any]] = {
    "attention": lambda text: attention.parse(text),
    "parts": lambda text: composition.parts(text),
    "most parts": lambda text: composition.most_parts(f"a AND {text}", 4),
    "LoRAs": lambda text: lora_tags.lora_tags(text),
    "words": lambda text: prompt_schedule.words(text, 4),
    "chunks": lambda text: chunks(attention.parse(text), lambda piece: [*map(ord, piece)], 75),
    "alternatives": lambda text: alternatives.chosen(text, 1, lambda _: ["b"]),
}


def work(reader: Callable[[str], Any], text: str) -> int:
    """How many lines of Python a reader runs."""
    lines = 0

    def traced(_: FrameType, event: str, __: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return traced

    attention.parse.cache_clear()
    prompt_schedule._read.cache_clear()
    before = sys.gettrace()
    sys.settrace(traced)
    try:
        with contextlib.suppress(RequestRefused):
            reader(text)
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", HOSTILE)
def test_twice_the_text_is_twice_the_work(text: str, reader: str) -> None:
    once, twice = (work(READERS[reader], HOSTILE[text](length)) for length in (LENGTH, 2 * LENGTH))
    assert twice < 2.6 * once + 200


def test_a_million_spaces_are_read() -> None:
    """By a pattern that tries each of them once: else this takes an hour."""
    assert len(attention.parse(" " * 1_000_000 + "BREAK")) == 2
    ((piece,),) = attention.parse(" " * 1_000_000)
    assert len(piece.text) == 1_000_000


def test_a_text_is_read_once_however_often_it_is_asked_for() -> None:
    assert attention.parse("(a [b] c:1.2)") is attention.parse("(a [b] c:1.2)")


def test_what_files_would_add_to_too_long_a_choice_is_not_read() -> None:
    asked = []

    def lines(name: str) -> list[str]:
        asked.append(name)
        return ["b" * 8_000]

    with pytest.raises(RequestRefused, match="too long"):
        alternatives.chosen("{999$$" + "__a__" * 100 + "$$" + "|" * 1_000 + "}", 1, lines)
    assert not asked
