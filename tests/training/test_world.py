"""The world: deterministic, told truly, and with an exam that training never sees."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from studio.training.world import CPU, EDITIONS, FIRST, FULL, Edition, Scene, SceneDataset, captions, draw, is_held_out
from studio.training.world.drawing import draw_plainly
from studio.training.world.glyphs import find_font, glyph_image
from studio.training.world.grammar import plural, with_article
from studio.training.world.places import PLACES
from studio.training.world.scene import layout
from studio.training.world.vocabulary import STYLES, TIMES, WEATHERS


def font_missing() -> bool:
    try:
        find_font()
    except FileNotFoundError:
        return True
    return False


drawing = pytest.mark.skipif(font_missing(), reason="drawing the world needs the font Noto Color Emoji")
CAT = Scene("cat", "street", "day", "clear", "flat", seed=7)


def pixels(scene: Scene, size: int = 64) -> NDArray[np.float32]:
    return np.asarray(draw(scene, size), np.float32)


def test_editions_are_as_large_as_they_say() -> None:
    assert len(FIRST.things) == 48
    assert len(CPU.things) >= 80
    assert len(FULL.things) >= 500
    assert len(PLACES) >= 16
    assert len(STYLES) >= 8
    assert set(CPU.listed) == {thing.name for thing in CPU.things}


def test_a_scene_of_a_number_is_always_the_same() -> None:
    one, again = SceneDataset(0, CPU), SceneDataset(0, CPU)
    assert [one.scene(index) for index in range(50)] == [again.scene(index) for index in range(50)]
    assert captions.caption(one.scene(3), Random(1)) == captions.caption(again.scene(3), Random(1))
    assert one.scene(0) != SceneDataset(1, CPU).scene(0)


def test_held_out_combinations_never_appear_in_training() -> None:
    training, exam = SceneDataset(0, CPU), SceneDataset(0, CPU, held_out=True)
    assert not any(is_held_out(training.scene(index)) for index in range(2_000))
    assert all(is_held_out(exam.scene(index)) for index in range(200))


def test_what_an_earlier_edition_may_have_shown_is_not_asked_in_the_exam() -> None:
    exam = SceneDataset(1, CPU, held_out=True, before=(FIRST,))
    assert all(is_held_out(exam.scene(index)) and not FIRST.shows(exam.scene(index)) for index in range(300))
    assert any(FIRST.shows(SceneDataset(1, CPU, held_out=True).scene(index)) for index in range(300))
    assert FIRST.shows(replace(CAT, weather="fog", count=3))
    assert not FIRST.shows(replace(CAT, style="oil"))


def test_what_is_held_out_hangs_on_thing_place_time_and_style_alone() -> None:
    scenes = [SceneDataset(0, CPU, held_out=True).scene(index) for index in range(50)]
    assert all(is_held_out(replace(scene, seed=1, weather="fog", size="small")) for scene in scenes)
    assert not all(is_held_out(replace(scene, style="oil")) for scene in scenes)


@pytest.mark.parametrize("edition", EDITIONS.values(), ids=EDITIONS.keys())
def test_the_full_caption_names_what_is_there(edition: Edition) -> None:
    for index in range(200):
        scene = SceneDataset(2, edition).scene(index)
        told = captions.full_caption(scene)
        assert (plural(scene.thing) if scene.count > 1 else scene.thing) in told
        assert scene.place in told
        assert scene.other in told
        assert scene.colour in told
        assert scene.background in told


@pytest.mark.parametrize("edition", EDITIONS.values(), ids=EDITIONS.keys())
def test_captions_use_only_known_words_and_some_are_empty(edition: Edition) -> None:
    known, dataset, random = set(captions.words(edition)), SceneDataset(3, edition), Random(0)
    told = [captions.caption(dataset.scene(index), random) for index in range(2_000)]
    assert {word for text in told for word in captions.split(text)} <= known
    assert 0.05 < told.count("") / len(told) < 0.15
    assert {"night", "rain"} & set(told), "nothing is told as a negative prompt tells it"
    assert sum("," in text for text in told) > 300
    assert len(set(told)) > 1_500


def test_no_night_is_told_to_be_sunny() -> None:
    random, night = Random(0), replace(CAT, place="beach", time="night")
    told = {word for _ in range(2_000) for word in captions.split(captions.caption(night, random))}
    assert "sunny" not in told
    by_day = (captions.caption(replace(night, time="day"), random) for _ in range(2_000))
    assert any("sunny" in text for text in by_day)


def test_everything_of_the_world_occurs() -> None:
    scenes = [SceneDataset(4, CPU).scene(index) for index in range(4_000)]
    assert {scene.thing for scene in scenes} == set(CPU.thing_names)
    assert {scene.place for scene in scenes} == {place.name for place in PLACES}
    assert {scene.time for scene in scenes} == {time.name for time in TIMES}
    assert {scene.weather for scene in scenes} == {weather.name for weather in WEATHERS}
    assert {scene.style for scene in scenes} == {style.name for style in STYLES}
    assert {scene.count for scene in scenes} == {1, 2, 3}
    assert {scene.relation for scene in scenes} == {"", "left of", "right of", "beside", "above"}


def test_no_word_means_two_things() -> None:
    names = Counter(name for thing in FULL.things for name in {thing.name, *thing.synonyms})
    assert {name for name, count in names.items() if count > 1} == set()


def test_small_english() -> None:
    assert [with_article(noun) for noun in ("cat", "owl", "unicorn", "umbrella", "jeans", "bus")] == [
        "a cat", "an owl", "a unicorn", "an umbrella", "jeans", "a bus",
    ]  # fmt: skip
    assert [plural(noun) for noun in ("cat", "cherry", "monkey", "box", "fish", "glass of milk", "jeans")] == [
        "cats", "cherries", "monkeys", "boxes", "fish", "glasses of milk", "jeans",
    ]  # fmt: skip


def test_things_stand_where_the_scene_says() -> None:
    pair = replace(CAT, other="dog")
    places = {
        name: {item.thing: item for item in layout(replace(pair, relation=name))} for name in ("left of", "above")
    }
    assert places["left of"]["cat"].x < places["left of"]["dog"].x
    assert places["above"]["cat"].lift > places["above"]["dog"].lift + 0.3
    assert [len(layout(replace(CAT, count=count))) for count in (1, 2, 3)] == [1, 2, 3]
    sides = [layout(replace(CAT, size=size))[0].side for size in ("small", "medium", "large")]
    assert sides == sorted(sides)


@drawing
def test_every_thing_of_the_world_is_in_the_font() -> None:
    assert all(max(glyph_image(thing.glyph).size) > 40 for thing in FULL.things)


@drawing
@pytest.mark.parametrize("style", [style.name for style in STYLES])
def test_the_same_scene_gives_the_same_pixels_and_each_style_its_own(style: str) -> None:
    scene = replace(CAT, style=style)
    assert np.array_equal(pixels(scene), pixels(scene))
    assert (style == "flat") == (np.abs(pixels(scene) - pixels(CAT)).mean() < 4)


@drawing
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_place_is_drawn_and_darker_at_night_if_time_shows(place: object) -> None:
    name, always = place.name, place.always  # type: ignore[attr-defined]
    colour = "blue" if name == "background" else ""
    day, night = (pixels(replace(CAT, place=name, time=time, background=colour)) for time in ("day", "night"))
    assert day.std() > 10
    assert np.array_equal(day, night) if always else day.mean() > night.mean() + 15


@drawing
def test_the_plain_drawing_has_no_weather_style_or_dusk() -> None:
    stormy = replace(CAT, weather="rain", style="neon", time="night")
    assert np.array_equal(np.asarray(draw_plainly(stormy, 64)), np.asarray(draw(CAT, 64)))
