"""AND in prompts: the examples of the web UI's wiki, and that any text is read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import GenerationRequest
from studio.errors import RequestRefused
from studio.limits import check_fits, work
from studio.presets import FITTING
from studio.prompting.composition import Part, is_whole, most_parts, parts

MARKS = st.text(st.sampled_from(":. 01.5-+abAND()[]\n")) | st.text()


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a cat AND a dog", [("a cat", 1), ("a dog", 1)]),
        ("a cat :1.2 AND a dog AND a penguin :2.2", [("a cat", 1.2), ("a dog", 1), ("a penguin", 2.2)]),
        ("a cat AND a dog:-0.5", [("a cat", 1), ("a dog", -0.5)]),
        ("a (cat:1.3) AND (a dog)", [("a (cat:1.3)", 1), ("(a dog)", 1)]),
        ("a (cat:1.3) :.8 AND\na dog", [("a (cat:1.3)", 0.8), ("a dog", 1)]),
        ("at 12:30", [("at 12:30", 1)]),
        ("a SAND castle and a BRAND", [("a SAND castle and a BRAND", 1)]),
        ("a cat AND a dog :0", [("a cat", 1)]),
        ("a cat :0 AND a dog :0", [("a cat", 0)]),
        ("a cat: b AND a dog:", [("a cat: b", 1), ("a dog:", 1)]),
    ],
)
def test_parts_and_their_weights(prompt: str, found: list[tuple[str, float]]) -> None:
    assert [(part.text, part.weight) for part in parts(prompt)] == found


@given(MARKS)
def test_any_text_is_read(prompt: str) -> None:
    assert parts(prompt)
    assert all(math.isfinite(part.weight) for part in parts(prompt))


@given(MARKS.filter(lambda text: "AND" not in text))
def test_without_it_a_prompt_is_whole_and_as_it_stands(prompt: str) -> None:
    assert parts(prompt) == (Part(prompt),)
    assert is_whole(parts(prompt))


def test_the_most_parts_are_those_of_its_richest_step() -> None:
    assert most_parts("a cat [AND a dog:AND a dog AND a fox:0.5]", 10) == 3
    assert most_parts("a cat", 10) == 1


def test_parts_cost_and_are_bounded() -> None:
    asked = GenerationRequest(prompt="a cat AND a dog AND a fox")
    assert work(asked) == 2 * work(GenerationRequest(prompt="a cat"))
    check_fits(asked, FITTING["SD 1.x"])
    with pytest.raises(RequestRefused, match="At most 8 parts"):
        check_fits(GenerationRequest(prompt=" AND ".join(["a cat"] * 9)), FITTING["SD 1.x"])


def test_without_guidance_there_is_nothing_to_join() -> None:
    asked = GenerationRequest(prompt="salt AND pepper", cfg_scale=1.0, width=64, height=64, sampler="Euler")
    with pytest.raises(RequestRefused, match="raise the CFG scale above 1"):
        check_fits(asked, FITTING["SD 1.x"])
    check_fits(asked, FITTING["FLUX.1"])
