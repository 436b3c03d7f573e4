"""The grammar that tells what is in a scene: sentences, short forms, and lists of tags."""

import re
from dataclasses import dataclass
from random import Random

from studio.training.world import grammar, places
from studio.training.world.edition import Edition
from studio.training.world.places import Place
from studio.training.world.scene import Scene
from studio.training.world.vocabulary import (
    COLOURS,
    COUNTS,
    POSITION_PHRASES,
    RELATIONS,
    SIZES,
    STYLES,
    TIMES,
    WEATHERS,
    Style,
    Time,
    Weather,
)  # fmt: skip

EMPTY_SHARE = 0.10
"""Captions left empty, so that classifier-free guidance has its unconditional half
(Ho and Salimans 2022, https://arxiv.org/abs/2207.12598)."""
PARTS_SHARE, TAGS_SHARE, SHORT_SHARE = 0.08, 0.30, 0.12
"""Captions that leave the things out, as a negative prompt does ("night, rain", "at the beach"); lists of tags;
and subjects with little beside them."""
OPENINGS = ("there is", "a picture of", "an image of")
"""Words that people put in front and that mean nothing here; heard often enough, they do no harm."""


@dataclass(frozen=True)
class Told:
    """What a caption tells of a scene beside its things; None is left unsaid."""

    place: Place | None
    time: Time | None
    weather: Weather | None
    style: Style | None
    position: str | None


def full_caption(scene: Scene) -> str:
    """The plainest sentence that tells everything."""
    told = _all_of(scene)
    words = [grammar.subject(scene, None)]
    if told.place:
        words.append(_place_phrase(scene, told.place, told.place.name, ""))
    words += [part.phrases[0] for part in (told.time, told.weather) if part]
    sentence = " ".join(words)
    return f"{told.style.before[0]} {sentence}" if told.style else sentence


def caption(scene: Scene, random: Random) -> str:
    """One caption of the scene, told anew at random; one in ten is empty."""
    if random.random() < EMPTY_SHARE:
        return ""
    told = _some_of(scene, random)
    form = random.random()
    if form < PARTS_SHARE:
        return _parts(scene, told, random)
    if form < PARTS_SHARE + TAGS_SHARE:
        return _tags(scene, told, random)
    if form < PARTS_SHARE + TAGS_SHARE + SHORT_SHARE:
        told = Told(told.place if random.random() < 0.5 else None, None, None, told.style, None)
    return _sentence(scene, told, random)


def _all_of(scene: Scene) -> Told:
    place = places.BY_NAME[scene.place]
    time = next(item for item in TIMES if item.name == scene.time)
    weather = next(item for item in WEATHERS if item.name == scene.weather)
    style = next(item for item in STYLES if item.name == scene.style)
    return Told(
        place,
        time if scene.tells_time else None,
        weather if scene.weather != "clear" else None,
        style if scene.style != "flat" else None,
        None,
    )


def _some_of(scene: Scene, random: Random) -> Told:
    """A part of what there is to tell; what goes without saying is rarely told."""
    told = _all_of(scene)
    told_clear = places.BY_NAME[scene.place].outdoors and random.random() < 0.15
    clear = WEATHERS[0] if told_clear and scene.time != "night" else None  # which is also called sunny
    flat = STYLES[0] if scene.style == "flat" and random.random() < 0.2 else None
    alone = scene.count == 1 and not scene.other and scene.size != "large"
    return Told(
        told.place if random.random() < 0.9 else None,
        told.time if random.random() < 0.85 else None,
        told.weather or clear,
        told.style if random.random() < 0.92 else flat,
        random.choice(POSITION_PHRASES[scene.position]) if alone and random.random() < 0.2 else None,
    )


def _place_phrase(scene: Scene, place: Place, noun: str, adjective: str, definite: bool = False) -> str:
    words = " ".join(word for word in (adjective, scene.background, noun) if word)
    the = place.article == "the" or definite
    return f"{place.preposition} {'the ' + words if the else grammar.with_article(words)}"


def _sentence(scene: Scene, told: Told, random: Random) -> str:
    words, adjective, tail = grammar.subject(scene, random), "", list[str]()
    if told.weather:
        if told.place and random.random() < 0.6:
            adjective = random.choice(told.weather.adjectives)
        else:
            tail.append(random.choice(told.weather.phrases))
    if told.place:
        noun = grammar.place_of(told.place, random)
        tail.insert(0, _place_phrase(scene, told.place, noun, adjective, random.random() < 0.2))
    if told.time:
        tail.append(random.choice(told.time.phrases))
    if told.position:
        tail.insert(random.randint(0, len(tail)), told.position)
    if tail and random.random() < 0.15:
        sentence = f"{tail[-1]}, {' '.join([words, *tail[:-1]])}"
    else:
        sentence = " ".join([words, *tail])
    return _styled(sentence, told.style, random)


def _styled(sentence: str, style: Style | None, random: Random) -> str:
    """The sentence with its style before or after it, or with an empty phrase in front."""
    if style is None:
        return f"{random.choice(OPENINGS)} {sentence}" if random.random() < 0.1 else sentence
    if random.random() < 0.5:
        return f"{random.choice(style.before)} {sentence}"
    return f"{sentence}, {random.choice(style.tags)}"


def _tags(scene: Scene, told: Told, random: Random) -> str:
    tags = [grammar.first_thing(scene, random)]
    tags += [grammar.name_of(scene.other, random)] if scene.other else []
    if told.weather and told.time and random.random() < 0.5:
        tags.append(f"{random.choice(told.weather.adjectives)} {random.choice(told.time.tags)}")
    else:
        tags += [random.choice(part.tags) for part in (told.weather, told.time) if part]
    if told.place:
        tags.append(f"{scene.background} {grammar.place_of(told.place, random)}".strip())
    tags += [random.choice(told.style.tags)] if told.style else []
    tags += [told.position] if told.position else []
    random.shuffle(tags)
    return ", ".join(tags)


def _parts(scene: Scene, told: Told, random: Random) -> str:
    """One or two of place, time, weather and style, without the subject; of all the scene has, where none of them
    was to be told."""
    told = told if told.place or told.time or told.weather or told.style else _all_of(scene)
    parts = [random.choice((*part.phrases, *part.tags)) for part in (told.time, told.weather) if part]
    parts += [random.choice(told.style.tags)] if told.style else []
    if told.place:
        noun = grammar.place_of(told.place, random)
        phrase = _place_phrase(scene, told.place, noun, "")
        parts.append(random.choice((phrase, f"{scene.background} {noun}".strip())))
    random.shuffle(parts)
    return ", ".join(parts[: random.randint(1, 2)])


def split(text: str) -> list[str]:
    """The words of a text as the tokenizer sees them: letters, or single digits."""
    return re.findall(r"[a-z]+|[0-9]", text.lower())


def words(edition: Edition) -> list[str]:
    """Every word that captions of the edition can use."""
    phrases: list[str] = ["a", "an", "the", *OPENINGS, *COLOURS, *COUNTS.values()]
    for thing in edition.thing_names:
        names = [thing, *(next((item.synonyms for item in edition.things if item.name == thing), ()))]
        phrases += [form for name in names for form in (name, grammar.plural(name))]
    for place in edition.places:
        phrases += [place.preposition, place.name, *place.synonyms]
    for group in (*SIZES.values(), *RELATIONS.values(), *POSITION_PHRASES.values()):
        phrases += group
    for weather in WEATHERS:
        phrases += [*weather.adjectives, *weather.phrases, *weather.tags]
    phrases += [phrase for time in TIMES for phrase in (*time.phrases, *time.tags)]
    phrases += [phrase for style in edition.styles for phrase in (*style.before, *style.tags)]
    return sorted({word for phrase in phrases for word in split(phrase)})
