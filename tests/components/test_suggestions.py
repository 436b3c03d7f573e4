"""What the page says about the words of a prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.card import text
from components.suggestions import EXAMPLES, PHRASES, on_unknown, surprise, unknown
from studio.models.library import EMBEDDED


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a cat in Istanbul", ["Istanbul"]),
        ("Kitty, living room, MORNING", []),
        ("four cats", ["four"]),
        ("a [cat:zebra:0.5] on a beach", ["zebra"]),
        ("naïve Œuvre don't", ["naïve", "Œuvre", "don't"]),
        ("", []),
        ("zebra zebra", ["zebra"]),
        ("12 (cat:1.3)", []),
        ("a cat-penguin, a zebra-cat", ["zebra-cat"]),
    ],
)
def test_words_it_was_never_taught_are_named(prompt: str, expected: list[str]) -> None:
    assert unknown(prompt) == expected


def test_the_note_is_short_safe_and_only_for_the_embedded_model() -> None:
    assert on_unknown("a cat", EMBEDDED) == ""
    assert on_unknown("a zebra", "another-model") == ""
    assert on_unknown("qa qb qc qd qe qf qg", EMBEDDED).endswith("and 2 more.")
    assert "<" not in on_unknown("<img src=x>", EMBEDDED)


@given(st.text(max_size=200))
def test_any_prompt_is_read(prompt: str) -> None:
    assert isinstance(on_unknown(prompt, EMBEDDED), str)


@pytest.mark.parametrize("prompt", [*EXAMPLES, *PHRASES])
def test_what_the_page_offers_is_known(prompt: str) -> None:
    assert unknown(prompt) == []


def test_a_surprise_is_known_and_there_is_no_rain_in_a_room() -> None:
    told = [surprise() for _ in range(400)]
    assert all(unknown(prompt) == [] for prompt in told)
    assert any("the rain" in prompt for prompt in told)
    assert not any("the rain" in prompt for prompt in told if "in a room" in prompt)
    assert not any("at night" in prompt for prompt in told if "on the moon" in prompt)


@pytest.mark.parametrize("name", ["README.md", "DATA.md"])
def test_the_cards_have_no_links_that_lead_nowhere(name: str) -> None:
    assert "](DATA.md)" not in text(name)
    assert "![" not in text(name)
    assert len(text(name)) > 500
