"""The grammar that tells what is in a scene, in sentences and in tags."""

from random import Random

from studio.training.world.scene import Scene
from studio.training.world.vocabulary import PLACES, THINGS, TIMES, WEATHERS, Place, Thing, Time, Weather

EMPTY_SHARE = 0.10
"""Captions left empty, so that classifier-free guidance has its unconditional half
(Ho and Salimans 2022, https://arxiv.org/abs/2207.12598)."""

POSITION_PHRASES = {
    "left": ("on the left", "to the left"),
    "centre": ("in the middle", "in the centre"),
    "right": ("on the right", "to the right"),
}


def with_article(noun: str) -> str:
    """ "cat" becomes "a cat", "owl" becomes "an owl"."""
    return f"{'an' if noun[0] in 'aeio' or noun.startswith('uncle') else 'a'} {noun}"


def full_caption(scene: Scene) -> str:
    """The plainest sentence that tells thing, place, time and weather."""
    place, time, weather = _surroundings(scene)
    article = "the" if place.article == "the" else "a"
    words = [with_article(scene.thing), place.preposition, article, place.name]
    if scene.place != "moon":
        words.append(time.phrases[0])
    if scene.weather != "clear":
        words.append(weather.phrases[0])
    return " ".join(words)


def caption(scene: Scene, random: Random) -> str:
    """One caption of the scene: a sentence, a short form, a list of tags, or nothing."""
    if random.random() < EMPTY_SHARE:
        return ""
    thing = _name(random, next(item for item in THINGS if item.name == scene.thing))
    place, time, weather = _surroundings(scene)
    tell_time = scene.place != "moon" or random.random() < 0.2
    tell_weather = scene.weather != "clear" or random.random() < 0.15
    told_time = time if tell_time and random.random() < 0.85 else None
    told_weather = weather if tell_weather and scene.place not in ("room", "moon") else None
    told_place = place if random.random() < 0.9 else None
    position = random.choice(POSITION_PHRASES[scene.position]) if random.random() < 0.2 else None
    if random.random() < 0.3:
        return _tags(random, thing, told_place, told_time, told_weather, position)
    return _sentence(random, thing, told_place, told_time, told_weather, position)


def _surroundings(scene: Scene) -> tuple[Place, Time, Weather]:
    return (
        next(item for item in PLACES if item.name == scene.place),
        next(item for item in TIMES if item.name == scene.time),
        next(item for item in WEATHERS if item.name == scene.weather),
    )


def _name(random: Random, item: Thing | Place) -> str:
    name, synonyms = item.name, item.synonyms
    return random.choice(synonyms) if synonyms and random.random() < 0.3 else name


def _sentence(
    random: Random,
    thing: str,
    place: Place | None,
    time: Time | None,
    weather: Weather | None,
    position: str | None,
) -> str:
    subject = with_article(thing) if random.random() < 0.85 else thing
    adjective = ""
    tail: list[str] = []
    if weather:
        if place and random.random() < 0.6:
            adjective = random.choice(weather.adjectives)
        else:
            tail.append(random.choice(weather.phrases))
    if place:
        noun = _name(random, place)
        words = f"{adjective} {noun}".strip()
        article = "the" if place.article == "the" or random.random() < 0.2 else with_article(words).split()[0]
        tail.insert(0, f"{place.preposition} {article} {words}")
    if time:
        tail.append(random.choice(time.phrases))
    if position:
        tail.insert(random.randint(0, len(tail)), position)
    if tail and random.random() < 0.15:
        return f"{tail[-1]}, {' '.join([subject, *tail[:-1]])}"
    return " ".join([subject, *tail])


def _tags(
    random: Random,
    thing: str,
    place: Place | None,
    time: Time | None,
    weather: Weather | None,
    position: str | None,
) -> str:
    tags = [thing]
    if weather and time and random.random() < 0.5:
        tags.append(f"{random.choice(weather.adjectives)} {random.choice(time.tags)}")
    else:
        tags += [random.choice(weather.tags)] if weather else []
        tags += [random.choice(time.tags)] if time else []
    tags += [_name(random, place)] if place else []
    tags += [position] if position else []
    random.shuffle(tags)
    return ", ".join(tags)
