"""Small English: articles, plurals, and what a thing is called."""

from random import Random

from studio.training.world import things
from studio.training.world.places import Place
from studio.training.world.scene import Scene
from studio.training.world.vocabulary import COUNTS, RELATIONS, SIZES

IRREGULAR = {"fish": "fish", "mouse": "mice", "tropical fish": "tropical fish", "blowfish": "blowfish"}
SYNONYM_SHARE = 0.3


def is_plural(noun: str) -> bool:
    """Whether the noun already names several, or a pair ("grapes", "jeans")."""
    return noun.endswith("s") and not noun.endswith(("ss", "us", "is"))


def with_article(noun: str) -> str:
    """ "cat" becomes "a cat", "owl" becomes "an owl", "jeans" stays."""
    if is_plural(noun):
        return noun
    return f"{'an' if noun[0] in 'aeio' or noun.startswith(('um', 'hour')) else 'a'} {noun}"


def plural(noun: str) -> str:
    """ "cat" becomes "cats", "glass of milk" becomes "glasses of milk"."""
    for link in (" of ", " with ", " and ", " without "):
        head, found, rest = noun.partition(link)
        if found:
            return f"{plural(head)}{found}{rest}"
    if noun in IRREGULAR or is_plural(noun):
        return IRREGULAR.get(noun, noun)
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def name_of(thing: str, random: Random | None) -> str:
    """What a thing is called: its name, or now and then a synonym."""
    synonyms = things.ALL[thing].synonyms if thing in things.ALL else ()
    return random.choice(synonyms) if random and synonyms and random.random() < SYNONYM_SHARE else thing


def place_of(place: Place, random: Random | None) -> str:
    """What a place is called."""
    if random and place.synonyms and random.random() < SYNONYM_SHARE:
        return random.choice(place.synonyms)
    return place.name


def first_thing(scene: Scene, random: Random | None) -> str:
    """The first thing with its count, size and colour, without an article ("two small cats")."""
    noun = name_of(scene.thing, random)
    told_size = scene.size != "medium" and (random is None or random.random() < 0.75)
    sizes = SIZES[scene.size]
    size = (random.choice(sizes) if random else sizes[0]) if told_size else ""
    colour = scene.colour if random is None or random.random() < 0.9 else ""
    count = COUNTS[scene.count] if scene.count > 1 else ""
    return " ".join(word for word in (count, size, colour, plural(noun) if scene.count > 1 else noun) if word)


def subject(scene: Scene, random: Random | None) -> str:
    """Everything that stands in the scene, as the subject of a sentence."""
    first = first_thing(scene, random)
    if scene.count == 1 and (random is None or random.random() < 0.88):
        first = with_article(first)
    if not scene.other:
        return first
    relations = RELATIONS[scene.relation]
    relation = random.choice(relations) if random else relations[0]
    return f"{first} {relation} {with_article(name_of(scene.other, random))}"
