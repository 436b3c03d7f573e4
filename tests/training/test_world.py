"""The world: deterministic, told truly, and with an exam that training never sees."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from studio.training.tokenizer import words
from studio.training.world import SceneDataset, captions, draw, is_held_out
from studio.training.world.glyphs import find_font
from studio.training.world.vocabulary import PLACES, THINGS, TIMES, WEATHERS


def font_missing() -> bool:
    try:
        find_font()
    except FileNotFoundError:
        return True
    return False


drawing = pytest.mark.skipif(font_missing(), reason="drawing the world needs the font Noto Color Emoji")


def test_a_scene_of_a_number_is_always_the_same() -> None:
    one, again = SceneDataset(0, 128), SceneDataset(0, 128)
    assert [one.scene(index) for index in range(50)] == [again.scene(index) for index in range(50)]
    assert captions.caption(one.scene(3), Random(1)) == captions.caption(again.scene(3), Random(1))
    assert one.scene(0) != SceneDataset(1, 128).scene(0)


def test_held_out_combinations_never_appear_in_training() -> None:
    training, exam = SceneDataset(0, 128), SceneDataset(0, 128, held_out=True)
    assert not any(is_held_out(training.scene(index)) for index in range(2_000))
    assert all(is_held_out(exam.scene(index)) for index in range(200))


def test_the_full_caption_names_what_is_there() -> None:
    dataset = SceneDataset(2, 128)
    for index in range(200):
        scene = dataset.scene(index)
        told = captions.full_caption(scene)
        assert scene.thing in told
        assert scene.place in told


def test_captions_use_only_known_words_and_some_are_empty() -> None:
    known, dataset, random = set(words()), SceneDataset(3, 128), Random(0)
    told = [captions.caption(dataset.scene(index), random) for index in range(2_000)]
    assert {word for text in told for word in text.replace(",", " ").split()} <= known
    assert 0.05 < told.count("") / len(told) < 0.15


def test_every_thing_place_time_and_weather_occurs() -> None:
    dataset = SceneDataset(4, 128)
    scenes = [dataset.scene(index) for index in range(3_000)]
    assert {scene.thing for scene in scenes} == {thing.name for thing in THINGS}
    assert {scene.place for scene in scenes} == {place.name for place in PLACES}
    assert {scene.time for scene in scenes} == {time.name for time in TIMES}
    assert {scene.weather for scene in scenes} == {weather.name for weather in WEATHERS}


@drawing
def test_the_same_scene_gives_the_same_pixels() -> None:
    scene = SceneDataset(0, 64).scene(5)
    assert np.array_equal(np.asarray(draw(scene, 64)), np.asarray(draw(scene, 64)))
