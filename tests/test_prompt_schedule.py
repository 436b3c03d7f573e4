"""Prompt scheduling as the web UI writes it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio import GenerationRequest, Studio
from studio.prompt_schedule import is_scheduled, words, words_at


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a [cat:dog:2] here", ["a cat here", "a cat here", "a dog here", "a dog here"]),
        ("a [cat:dog:0.25]", ["a cat", "a dog", "a dog", "a dog"]),
        ("a cat[ in snow:3]", ["a cat", "a cat", "a cat", "a cat in snow"]),
        ("a cat[ in snow::1]", ["a cat in snow", "a cat", "a cat", "a cat"]),
        ("[cat|dog]", ["cat", "dog", "cat", "dog"]),
        ("[a|b|c]", ["a", "b", "c", "a"]),
        ("[red [cat|dog]:blue:2]", ["red cat", "red dog", "blue", "blue"]),
        ("[(a:1.3):b:1]", ["(a:1.3)", "b", "b", "b"]),
        ("[cat] and [a:b]", ["[cat] and [a:b]"] * 4),
        (r"\[cat:dog:2\]", [r"\[cat:dog:2\]"] * 4),
        ("[cat:dog:2", ["[cat:dog:2"] * 4),
        ("[[[cat:dog:2]", ["[[cat", "[[cat", "[[dog", "[[dog"]),
        ("[cat:dog:.5]", ["cat", "cat", "dog", "dog"]),
        ("[cat:dog:9]", ["cat"] * 4),
        ("a [cat:dog<lora:fur:0.7>:2]<lora:b:1> here", ["a cat here", "a cat here", "a dog here", "a dog here"]),
        ("[<lora:fur:0.7>cat::2]", ["cat", "cat", "", ""]),
    ],
)
def test_the_words_in_force_at_each_step(prompt: str, expected: list[str]) -> None:
    assert list(words(prompt, 4)) == expected
    assert is_scheduled(prompt) == (len(set(expected)) > 1 or prompt == "[cat:dog:9]")


@given(st.text(alphabet="ab[]()|:\\ 0.5", max_size=60), st.integers(1, 20))
def test_any_text_gives_words_for_every_step(prompt: str, steps: int) -> None:
    found = words(prompt, steps)
    assert len(found) == steps
    assert found == tuple(words_at(prompt, step, steps) for step in range(1, steps + 1))


@given(st.text(alphabet=st.characters(exclude_characters="[]\\"), max_size=60))
def test_text_without_brackets_stays_as_it_is(prompt: str) -> None:
    assert words(prompt, 3) == (prompt,) * 3
    assert not is_scheduled(prompt)


@given(st.text(alphabet="abc ", max_size=8), st.text(alphabet="abc ", max_size=8), st.integers(0, 12))
def test_a_change_happens_after_its_step(before: str, after: str, when: int) -> None:
    found = words(f"[{before}:{after}:{when}]", 10)
    assert found == (before,) * min(when, 10) + (after,) * max(10 - when, 0)


@pytest.mark.parametrize("cfg", [1.0, 3.0])
@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ 2M", "Heun"])
def test_a_scheduled_change_is_a_branch_with_that_prompt(studio: Studio, sampler: str, cfg: float) -> None:
    known = {"model": "tiny-v", "sampler": sampler, "steps": 6, "seed": 7, "width": 64, "height": 64, "cfg_scale": cfg}
    asked = GenerationRequest(prompt="a cat", reproducible=True, **known)  # type: ignore[arg-type]
    plain = studio.submit(asked)
    assert plain.result.paths
    at = 3 * (2 if sampler == "Heun" else 1)
    branch = studio.branch(plain, at, prompt="a dog")
    scheduled = studio.submit(GenerationRequest(prompt="a [cat:dog:3]", reproducible=True, **known))  # type: ignore[arg-type]
    assert branch.result.paths
    assert scheduled.result.paths
    assert torch.equal(scheduled.steps[-1].latents, branch.steps[-1].latents)
    assert not torch.equal(scheduled.steps[-1].latents, plain.steps[-1].latents)
