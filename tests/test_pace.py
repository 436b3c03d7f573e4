"""Measured forwards: what is joined, and what is expected."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from studio import GenerationRequest
from studio.pace import FRESH_S, TRIES, Kind, Pace

KIND = Kind("model", 128, 128)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def measured(times: dict[int, float], clock: Clock | None = None) -> Pace:
    pace = Pace(clock or Clock())
    for rows, seconds in times.items():
        for _ in range(TRIES):
            pace.count(KIND, rows, seconds)
    return pace


def test_calls_are_joined_until_that_is_known_to_be_slower() -> None:
    assert Pace().split(KIND, [2, 2, 2]) == [[0, 1, 2]]
    assert measured({2: 1.0}).split(KIND, [2, 2, 2]) == [[0, 1, 2]]
    assert measured({2: 1.0, 6: 2.0}).split(KIND, [2, 2, 2]) == [[0, 1, 2]]


def test_calls_are_not_joined_where_it_does_not_help() -> None:
    assert measured({2: 1.0, 8: 5.0}).split(KIND, [2, 2, 2, 2]) == [[0], [1], [2], [3]]
    assert measured({2: 1.0, 4: 1.2, 8: 5.0}).split(KIND, [2, 2, 2, 2]) == [[0, 1], [2, 3]]


def test_joining_is_tried_again_after_a_while() -> None:
    clock = Clock()
    pace = measured({2: 1.0, 4: 5.0}, clock)
    assert pace.split(KIND, [2, 2]) == [[0], [1]]
    clock.now += FRESH_S
    assert pace.split(KIND, [2, 2]) == [[0, 1]]


@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=9),
    st.dictionaries(st.integers(1, 40), st.floats(0.01, 9)),
    st.data(),
)
def test_every_call_is_computed_once_and_in_order(
    sizes: list[int], times: dict[int, float], data: st.DataObject
) -> None:
    groups = measured(times).split(KIND, sizes)
    assert [index for group in groups for index in group] == list(range(len(sizes)))
    assert all(groups)


def test_what_was_not_measured_is_told_from_the_nearest_or_not_at_all() -> None:
    pace = measured({2: 1.0})
    assert pace.seconds(KIND, 2) == 1.0
    assert pace.seconds(KIND, 4) == 2.0
    assert pace.seconds(Kind("model", 256, 128), 2) == 2.0
    assert pace.seconds(Kind("model", 128, 128, length=81), 2) == 81.0
    assert pace.seconds(Kind("other", 128, 128), 2) is None


def test_films_and_pictures_of_one_size_are_not_of_one_kind() -> None:
    picture = GenerationRequest(model="model", width=128, height=128)
    film, sound = dataclasses.replace(picture, frames=81), dataclasses.replace(picture, seconds=4.5)
    assert [Kind.of(each).length for each in (picture, film, sound)] == [1, 81, 4.5]
    assert Kind.of(picture) == KIND
