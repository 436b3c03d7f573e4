"""Choosing: the dynamic-prompts extension's own examples, and that any text is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import RequestRefused
from studio.prompting.alternatives import chosen
from studio.prompting.attention import Weighted, escape, parse

FILES = {
    "season": ["summer", "{late|early} winter"],
    "my/animal": ["cat"],
    "loop": ["a __loop__"],
    "more": ["__season__"],
    "grow": ["__grow__ __grow__ " + "a" * 200],
}
SEASONS = ("summer", "late winter", "early winter")
MARKS = st.text(st.sampled_from("{}|$:_\\[]()0123 ab,-.AND\n")) | st.text()


def lines(name: str) -> Sequence[str]:
    if name not in FILES:
        raise RequestRefused("prompt", "none")
    return FILES[name]


def outcomes(prompt: str, count: int = 200) -> set[str]:
    return {chosen(prompt, seed, lines) for seed in range(count)}


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a {red|blue} house", {"a red house", "a blue house"}),
        ("{a|{b|c}}", {"a", "b", "c"}),
        ("{2$$a|b|c}", {"a, b", "b, a", "a, c", "c, a", "b, c", "c, b"}),
        ("{1-2$$ and $$a|b}", {"a", "b", "a and b", "b and a"}),
        ("{5$$a|b}", {"a, b", "b, a"}),
        ("{0$$a|b}x", {"x"}),
        ("{1::a|0::b}", {"a"}),
        ("{|big }cat", {"cat", "big cat"}),
        ("__season__", {"summer", "late winter", "early winter"}),
        ("a __my/animal__ in __more__", {f"a cat in {one}" for one in SEASONS}),
        ("{__season__|{a|b}}", {"summer", "late winter", "early winter", "a", "b"}),
        ("a {cat}, {prompt}", {"a {cat}, {prompt}"}),
        (r"a \{b|c\}", {r"a \{b|c\}"}),
        ("{a [b|c]|d}", {"a [b|c]", "d"}),
        ("[{a|b}:{c}:0.5]", {"[a:{c}:0.5]", "[b:{c}:0.5]"}),
        ("a {b|c", {"a {b|c"}),
        ("__init, a__b", {"__init, a__b"}),
        ("<lora:add__more__detail:1> __more__", {f"<lora:add__more__detail:1> {one}" for one in SEASONS}),
        ("<lora:ink:{0.5|1}>", {"<lora:ink:0.5>", "<lora:ink:1>"}),
    ],
)
def test_what_a_prompt_may_become(prompt: str, found: set[str]) -> None:
    assert outcomes(prompt) == found


def test_weights_are_how_often_one_is_chosen() -> None:
    counted = Counter(chosen("{3::a|1::b}", seed, lines) for seed in range(2000))
    assert counted["a"] / counted["b"] == pytest.approx(3, rel=0.2)


@given(MARKS, st.integers(0, 2**33))
def test_the_same_seed_chooses_the_same_and_what_is_chosen_stays(prompt: str, seed: int) -> None:
    try:
        made = chosen(prompt, seed, lines)
    except RequestRefused:
        return
    assert chosen(prompt, seed, lines) == made
    assert chosen(made, seed + 1, lines) == made


@given(st.text(st.characters(exclude_characters="_")).filter(lambda text: "BREAK" not in text))
def test_escaped_braces_are_braces(text: str) -> None:
    made = chosen(escape(text), 1, lines)
    assert made == escape(text)
    assert parse(made) == (((Weighted(text),),) if text else ((),))


def test_files_that_name_each_other_in_a_circle_are_told() -> None:
    with pytest.raises(RequestRefused, match="in a circle"):
        chosen("__loop__", 1, lines)


@pytest.mark.parametrize("prompt", ["{" * 4000 + "|" + "}" * 4000, "{a|" * 2000, "__" * 4000, "{9$$a|b}" * 900])
def test_hostile_prompts_are_read(prompt: str) -> None:
    assert chosen(prompt, 1, lines) is not None


def test_what_grows_without_end_is_told() -> None:
    with pytest.raises(RequestRefused, match=r"too long|circle"):
        chosen("__grow__", 1, lines)
