"""A request is accepted as it is, or refused with the field and a sentence that says what to change."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studio.errors import RequestRefused
from studio.limits import Limits, check, check_fits, work
from studio.presets import FITTING, SAMPLERS, SCHEDULES, schedules_of
from studio.request import MAX_SEED, GenerationRequest

LIMITS = Limits()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"steps": 1, "cfg_scale": 0, "width": 64, "height": 64},
        {"steps": 150, "cfg_scale": 30, "width": 2048, "height": 2048, "seed": MAX_SEED},
        {"batch_size": 16, "prompt": "猫 🐈\n" * 1000},
        {"sampler": "LCM", "steps": 50},
    ],
)
def test_what_is_within_the_limits_is_accepted(values: dict[str, Any]) -> None:
    check(GenerationRequest(**values))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_goes_with_every_schedule_it_offers(sampler: str) -> None:
    for schedule in schedules_of(sampler):
        check(GenerationRequest(sampler=sampler, schedule=schedule))


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("width", 100, "multiple of 8: try 96"),
        ("height", 511, "multiple of 8: try 512"),
        ("width", 0, "from 64 to 2048"),
        ("height", 2056, "from 64 to 2048"),
        ("steps", 0, "from 1 to 150"),
        ("steps", 10_000, "from 1 to 150"),
        ("steps", -(10**400), "from 1 to 150"),
        ("steps", True, "whole number"),
        ("steps", 20.0, "whole number"),
        ("steps", "20", "whole number"),
        ("width", None, "whole number"),
        ("batch_size", 0, "from 1 to 16"),
        ("cfg_scale", math.nan, "from 0 to 30"),
        ("cfg_scale", math.inf, "from 0 to 30"),
        ("cfg_scale", -math.inf, "from 0 to 30"),
        ("cfg_scale", 10**400, "from 0 to 30"),
        ("cfg_scale", -0.1, "from 0 to 30"),
        ("cfg_scale", "7", "must be a number"),
        ("cfg_scale", True, "must be a number"),
        ("cfg_scale", None, "must be a number"),
        ("seed", -2, "-1 for a random one"),
        ("seed", MAX_SEED + 1, "-1 for a random one"),
        ("seed", "7", "whole number"),
        ("prompt", "a" * 1_000_000, "under 8,000 characters"),
        ("negative_prompt", "a" * 8_001, "under 8,000 characters"),
        ("prompt", "a cat \ud83d", "broken character"),
        ("negative_prompt", "\udc08", "broken character"),
        ("prompt", None, "must be text"),
        ("model", 5, "must be text"),
        ("sampler", "Fancy 9000", "Offered: DPM++ 2M, "),
        ("sampler", ["Euler"], "must be text"),
        ("schedule", "Jagged", "Karras"),
        ("reproducible", 1, "on or off"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_is_not_is_refused_with_its_field_and_a_sentence(field: str, value: object, hint: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        check(GenerationRequest(**{field: value}))  # type: ignore[arg-type]
    assert refused.value.field == field
    assert hint in str(refused.value)
    assert str(refused.value).endswith(".")


def test_a_schedule_the_sampler_does_not_have_is_refused() -> None:
    with pytest.raises(RequestRefused, match="DDIM goes with these schedule types: Automatic") as refused:
        check(GenerationRequest(sampler="DDIM", schedule="Karras"))
    assert refused.value.field == "schedule"


def test_more_steps_than_the_sampler_takes_are_refused() -> None:
    with pytest.raises(RequestRefused, match="LCM takes at most 50 steps") as refused:
        check(GenerationRequest(sampler="LCM", steps=51))
    assert refused.value.field == "steps"


def test_too_much_work_is_refused_though_each_number_alone_is_allowed() -> None:
    with pytest.raises(RequestRefused, match="too much for one run"):
        check(GenerationRequest(width=2048, height=2048, steps=150, batch_size=2))


def test_the_limits_can_be_others() -> None:
    with pytest.raises(RequestRefused, match="Steps must be from 1 to 10"):
        check(GenerationRequest(), Limits(steps=10))


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(0, 400).map(lambda eighth: eighth * 8),
    st.sampled_from([10**400, -(10**400)]),
    st.floats(),
    st.text(st.characters()),  # lone surrogates among them
    st.binary(),
    st.lists(st.integers(), max_size=2),
    st.sampled_from([*SAMPLERS, *SCHEDULES]),
)
FIELDS = [*GenerationRequest.__dataclass_fields__]


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4))
@example({})
def test_anything_is_accepted_within_the_limits_or_refused(values: dict[str, Any]) -> None:
    request = GenerationRequest(**values)
    refused: RequestRefused | None = None
    try:
        check(request)
    except RequestRefused as error:
        refused = error
    if refused is not None:
        assert refused.field in FIELDS
        assert str(refused)
        return
    assert 1 <= request.steps <= LIMITS.steps
    assert 0 <= request.cfg_scale <= LIMITS.cfg_scale
    assert 1 <= request.batch_size <= LIMITS.batch_size
    assert -1 <= request.seed <= MAX_SEED
    for side in (request.width, request.height):
        assert LIMITS.smallest_side <= side <= LIMITS.side
        assert side % 8 == 0
    for text in (request.prompt, request.negative_prompt):
        assert len(text) <= LIMITS.prompt_characters
        assert text.encode().decode() == text
    assert request.schedule in schedules_of(request.sampler)
    assert request.sampler in SAMPLERS
    assert work(request) <= LIMITS.work


def test_a_clip_skip_deeper_than_the_model_is_told() -> None:
    asked = dataclasses.replace(GenerationRequest(), clip_skip=5)
    check(asked)
    with pytest.raises(RequestRefused, match="Clip skip for this model must be from 1 to 3"):
        check_fits(asked, FITTING[asked.model])
    with pytest.raises(RequestRefused, match="Clip skip must be from 1 to 12"):
        check(dataclasses.replace(asked, clip_skip=0))
