"""The request: short JSON and back, seeds, batches."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import GenerationRequest
from studio.request import MAX_SEED, RANDOM_SEED

REQUESTS = st.builds(
    GenerationRequest,
    prompt=st.text(),
    negative_prompt=st.text(),
    model=st.text(),
    sampler=st.text(),
    schedule=st.text(),
    steps=st.integers(),
    cfg_scale=st.floats(allow_nan=False),
    width=st.integers(),
    height=st.integers(),
    batch_size=st.integers(1, 16),
    seed=st.integers(RANDOM_SEED, MAX_SEED),
    reproducible=st.booleans(),
)


def test_the_default_request_is_empty_json() -> None:
    assert GenerationRequest().to_json() == "{}"


def test_only_what_differs_is_written_and_letters_stay_readable() -> None:
    assert GenerationRequest(prompt="猫", steps=24, seed=7).to_json() == '{"prompt": "猫", "seed": 7}'


@given(REQUESTS)
def test_a_request_comes_back_from_its_json(request: GenerationRequest) -> None:
    assert GenerationRequest.from_json(request.to_json()) == request


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", "null", "7", '"steps"', '{"stepz": 3}', '{"steps": 3', "[" * 100_000],
    ids=lambda text: text[:20],
)
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the parser's own words are as good as ours
        GenerationRequest.from_json(text)


def test_a_request_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        GenerationRequest().steps = 3  # type: ignore[misc]


def test_a_random_seed_is_chosen_once_and_nothing_else_changes() -> None:
    asked = GenerationRequest(prompt="a cat", steps=3)
    chosen = asked.resolved()
    assert 0 <= chosen.seed <= MAX_SEED
    assert dataclasses.replace(chosen, seed=RANDOM_SEED) == asked
    assert chosen.resolved() is chosen


def test_two_random_seeds_differ() -> None:
    assert len({GenerationRequest().resolved().seed for _ in range(4)}) > 1


def test_each_picture_of_a_batch_has_the_next_seed() -> None:
    assert GenerationRequest(seed=7, batch_size=3).seeds == (7, 8, 9)


def test_seeds_begin_anew_after_the_largest() -> None:
    assert GenerationRequest(seed=MAX_SEED, batch_size=2).seeds == (MAX_SEED, 0)


@given(seed=st.integers(RANDOM_SEED, MAX_SEED), size=st.integers(1, 16), count=st.integers(1, 8))
def test_batches_go_on_where_the_one_before_ended(seed: int, size: int, count: int) -> None:
    batches = GenerationRequest(seed=seed, batch_size=size, prompt="a cat").batches(count)
    seeds = [one for batch in batches for one in batch.seeds]
    assert seeds == [(seeds[0] + index) % (MAX_SEED + 1) for index in range(count * size)]
    assert seed in (RANDOM_SEED, seeds[0])
    assert {batch.prompt for batch in batches} == {"a cat"}
