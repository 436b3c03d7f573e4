"""The words of the world: things, places, times of day and weather.

Things are glyphs of Noto Color Emoji; their names and synonyms follow the Unicode names and
the keywords people use for them. Everything here is plain data, so that the captions, the
evaluation and the page's suggestions speak of one and the same world.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thing:
    """One thing that can stand in a scene."""

    name: str
    glyph: str
    synonyms: tuple[str, ...] = ()
    floats: bool = False
    """True for things that hang in the air (balloon, bee) and so cast their shadow far below."""


@dataclass(frozen=True)
class Place:
    """One place, with the phrase that puts a thing into it ("on a street")."""

    name: str
    preposition: str
    article: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Time:
    """One time of day. ``phrases`` follow the thing, ``adjectives`` precede the place."""

    name: str
    phrases: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Weather:
    """One weather. Clear weather is rarely spoken of."""

    name: str
    adjectives: tuple[str, ...]
    phrases: tuple[str, ...]
    tags: tuple[str, ...]


THINGS: tuple[Thing, ...] = (
    Thing("cat", "\U0001f408", ("kitty", "kitten")),
    Thing("dog", "\U0001f415", ("puppy", "hound")),
    Thing("fox", "\U0001f98a", ("fox face",)),
    Thing("rabbit", "\U0001f407", ("bunny", "hare")),
    Thing("cow", "\U0001f404", ("cattle",)),
    Thing("pig", "\U0001f416", ("piglet", "hog")),
    Thing("elephant", "\U0001f418"),
    Thing("bear", "\U0001f43b", ("bear face",)),
    Thing("panda", "\U0001f43c", ("panda face",)),
    Thing("lion", "\U0001f981", ("lion face",)),
    Thing("tiger", "\U0001f405"),
    Thing("monkey", "\U0001f412", ("ape",)),
    Thing("penguin", "\U0001f427"),
    Thing("owl", "\U0001f989"),
    Thing("duck", "\U0001f986", ("mallard",)),
    Thing("frog", "\U0001f438", ("frog face", "toad")),
    Thing("turtle", "\U0001f422", ("tortoise",)),
    Thing("snail", "\U0001f40c"),
    Thing("butterfly", "\U0001f98b", (), True),
    Thing("bee", "\U0001f41d", ("honeybee",), True),
    Thing("fish", "\U0001f41f"),
    Thing("whale", "\U0001f433"),
    Thing("octopus", "\U0001f419"),
    Thing("crab", "\U0001f980"),
    Thing("dinosaur", "\U0001f995", ("sauropod", "brontosaurus")),
    Thing("unicorn", "\U0001f984", ("unicorn face",)),
    Thing("tree", "\U0001f333", ("oak",)),
    Thing("cactus", "\U0001f335"),
    Thing("sunflower", "\U0001f33b"),
    Thing("tulip", "\U0001f337"),
    Thing("mushroom", "\U0001f344", ("toadstool",)),
    Thing("apple", "\U0001f34e", ("red apple",)),
    Thing("cake", "\U0001f382", ("birthday cake",)),
    Thing("pizza", "\U0001f355", ("slice of pizza",)),
    Thing("ice cream", "\U0001f366", ("soft ice cream",)),
    Thing("car", "\U0001f697", ("red car", "automobile")),
    Thing("bus", "\U0001f68c"),
    Thing("bicycle", "\U0001f6b2", ("bike",)),
    Thing("boat", "\u26f5", ("sailboat",)),
    Thing("rocket", "\U0001f680", ("spaceship",), True),
    Thing("train", "\U0001f682", ("locomotive", "steam engine")),
    Thing("house", "\U0001f3e0", ("home",)),
    Thing("castle", "\U0001f3f0"),
    Thing("tent", "\u26fa"),
    Thing("balloon", "\U0001f388", ("red balloon",), True),
    Thing("guitar", "\U0001f3b8"),
    Thing("snowman", "\u26c4"),
    Thing("robot", "\U0001f916", ("robot face",)),
)

PLACES: tuple[Place, ...] = (
    Place("street", "on", "a", ("road", "city street", "city")),
    Place("beach", "on", "a", ("seaside", "shore")),
    Place("forest", "in", "a", ("wood", "woods")),
    Place("meadow", "in", "a", ("field", "grass")),
    Place("mountains", "in", "the", ("mountain", "hills")),
    Place("desert", "in", "a", ("dunes", "sand")),
    Place("room", "in", "a", ("living room", "house interior")),
    Place("moon", "on", "the", ("outer space", "lunar surface")),
)

TIMES: tuple[Time, ...] = (
    Time("morning", ("in the morning", "at dawn", "at sunrise"), ("morning", "dawn", "sunrise")),
    Time("day", ("by day", "at noon", "during the day"), ("day", "daytime", "noon")),
    Time("evening", ("in the evening", "at sunset", "at dusk"), ("evening", "sunset", "dusk")),
    Time("night", ("at night", "by night", "at midnight"), ("night", "midnight", "dark")),
)

WEATHERS: tuple[Weather, ...] = (
    Weather("clear", ("sunny", "clear"), ("in clear weather",), ("clear", "clear sky")),
    Weather("rain", ("rainy", "wet"), ("in the rain", "while it rains"), ("rain", "rainy")),
    Weather("snow", ("snowy", "wintry"), ("in the snow", "while it snows"), ("snow", "snowy")),
    Weather("fog", ("foggy", "misty"), ("in the fog", "in the mist"), ("fog", "foggy", "mist")),
)
