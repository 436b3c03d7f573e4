"""Comparing runs: what differs between their settings, and which steps belong together."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import GenerationRequest
from studio.request import Branch
from studio.timeline.compare import LABELS, Difference, changed_words, differences, nearest

words = st.text("abc ", max_size=12)
requests = st.builds(
    GenerationRequest,
    prompt=words,
    negative_prompt=words,
    sampler=st.sampled_from(["Euler", "DDIM"]),
    schedule=st.sampled_from(["Automatic", "Karras"]),
    steps=st.integers(1, 4),
    cfg_scale=st.sampled_from([1.0, 2.5, 7.0]),
    width=st.sampled_from([64, 128]),
    seed=st.integers(0, 3),
    reproducible=st.booleans(),
)
sigmas = st.floats(1e-6, 1e6) | st.sampled_from([0.0, math.inf])


@given(requests, requests)
def test_what_differs_makes_one_request_of_the_other(before: GenerationRequest, after: GenerationRequest) -> None:
    changes: dict[str, Any] = {change.field: change.after for change in differences(before, after)}
    assert dataclasses.replace(before, **changes) == after
    assert all(change.before == getattr(before, change.field) != change.after for change in differences(before, after))


@given(requests, requests)
def test_the_other_way_round_the_same_settings_differ(before: GenerationRequest, after: GenerationRequest) -> None:
    swapped = [Difference(each.field, each.label, each.after, each.before) for each in differences(before, after)]
    assert list(differences(after, before)) == swapped


@given(requests, st.integers(0, 4))
def test_an_unchanged_branch_differs_in_nothing(request: GenerationRequest, at: int) -> None:
    assert differences(request, dataclasses.replace(request, branch=Branch(request=request, at=at))) == ()


@given(requests)
def test_a_request_read_anew_differs_in_nothing(request: GenerationRequest) -> None:
    assert differences(request, GenerationRequest.from_json(request.to_json())) == ()


def test_every_setting_is_compared_in_the_pages_words() -> None:
    settings = {field.name for field in dataclasses.fields(GenerationRequest)} - {
        "branch",
        "template",
        "negative_template",
    }
    assert settings | {"noise_seed"} == LABELS.keys()
    one, other = GenerationRequest(), GenerationRequest(prompt="a dog", negative_prompt="rain", cfg_scale=7)
    assert [change.label for change in differences(one, other)] == ["Prompt", "Negative prompt", "CFG scale"]


@pytest.mark.parametrize(("given", "told"), [(None, []), (7, []), (5, [(7, 5)])], ids=str)
def test_the_noise_seed_is_told_where_it_is_another(given: int | None, told: list[tuple[int, int]]) -> None:
    run = GenerationRequest(seed=7)
    branch = dataclasses.replace(run, branch=Branch(request=run, at=2, noise_seed=given))
    later = dataclasses.replace(branch, branch=Branch(request=branch, at=4))
    for request in (branch, later):
        found = [(each.before, each.after) for each in differences(run, request) if each.field == "noise_seed"]
        assert found == told


def test_another_seed_is_not_told_twice() -> None:
    assert [each.field for each in differences(GenerationRequest(seed=1), GenerationRequest(seed=2))] == ["seed"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cfg_scale": 7.0}, "CFG scale: 2.5 → 7"),
        ({"prompt": "a dog in the rain"}, "Prompt: cat → dog"),
        ({"prompt": "a cat in the heavy rain"}, "Prompt: + heavy"),
        ({"prompt": "a cat in rain"}, "Prompt: - the"),
        ({"reproducible": True}, "Reproducible: off → on"),
        ({"seed": 4294967295}, "Seed: 1 → 4294967295"),
    ],
    ids=str,
)
def test_a_difference_is_said_in_few_words(changes: dict[str, Any], sentence: str) -> None:
    before = GenerationRequest(prompt="a cat in the rain", seed=1)
    (change,) = differences(before, dataclasses.replace(before, **changes))
    assert change.sentence == sentence


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_changed_words_leave_out_only_what_is_shared(before: list[str], after: list[str]) -> None:
    one, other = (text.split() for text in changed_words(" ".join(before), " ".join(after)))
    kept = len(before) - len(one)
    assert kept == len(after) - len(other)
    assert any(
        before == before[:start] + one + before[start + len(one) :]
        and after == before[:start] + other + before[start + len(one) :]
        for start in range(kept + 1)
    )
    assert not (one and other) or (one[0] != other[0] and one[-1] != other[-1])


@given(st.lists(sigmas, min_size=1), sigmas)
def test_the_nearest_step_is_the_nearest_in_log_space(levels: list[float], sigma: float) -> None:
    def distance(level: float) -> float:
        if level == sigma:
            return 0.0
        if min(level, sigma) == 0 or max(level, sigma) == math.inf:
            return math.inf
        return abs(math.log(level) - math.log(sigma))

    found = distance(levels[nearest(levels, sigma)])
    assert found == pytest.approx(min(map(distance, levels)), abs=1e-9)


@given(st.lists(sigmas, min_size=1), st.data())
def test_a_step_is_nearest_to_itself(levels: list[float], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(levels) - 1))
    assert levels[nearest(levels, levels[index])] == pytest.approx(levels[index], rel=1e-12)


@given(st.lists(sigmas, min_size=1), sigmas, sigmas)
def test_less_noise_never_leads_back(levels: list[float], one: float, other: float) -> None:
    levels.sort(reverse=True)
    assert levels[nearest(levels, max(one, other))] >= levels[nearest(levels, min(one, other))]


def test_zero_and_infinity_are_nearest_to_the_ends() -> None:
    levels = [80.0, 10.0, 1.0, 0.02]
    assert nearest(levels, 0.0) == 3
    assert nearest(levels, math.inf) == 0
    assert nearest([math.inf, 1.0, 0.0], 1e-6) == 1
    assert nearest([math.inf, 1.0, 0.0], 1e6) == 1
    with pytest.raises(ValueError, match="empty"):
        nearest([], 1.0)
