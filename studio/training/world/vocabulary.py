"""The words of the world beside its things and places: times of day, weather, styles, sizes, counts, colours.

Everything here is plain data, so that the captions, the evaluation and the page's suggestions speak of one
and the same world.
"""

from dataclasses import dataclass

from studio.training.world.brush import Colour


@dataclass(frozen=True)
class Time:
    """One time of day. ``phrases`` follow the thing, ``tags`` stand alone."""

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


@dataclass(frozen=True)
class Style:
    """One way of rendering. ``before`` leads a sentence ("a pencil drawing of"), ``tags`` stand alone."""

    name: str
    before: tuple[str, ...]
    tags: tuple[str, ...]


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

STYLES: tuple[Style, ...] = (
    Style("flat", ("a flat picture of", "an illustration of"), ("flat", "flat illustration", "flat design")),
    Style("pencil", ("a pencil drawing of", "a sketch of"), ("pencil", "pencil drawing", "sketch")),
    Style("watercolour", ("a watercolour of", "a watercolor of"), ("watercolour", "watercolor", "aquarelle")),
    Style("oil", ("an oil painting of", "a painting of"), ("oil", "oil painting", "impressionist painting")),
    Style("pixel art", ("pixel art of", "a pixel picture of"), ("pixel art", "8-bit", "pixels")),
    Style("neon", ("a neon picture of", "neon lights of"), ("neon", "neon lights", "glowing lines")),
    Style("woodcut", ("a woodcut of", "a woodblock print of"), ("woodcut", "woodblock print", "linocut")),
    Style("photograph", ("a photograph of", "a grainy photo of"), ("photograph", "photo", "film grain")),
)

SIZES: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "medium": (),
    "large": ("large", "big", "huge"),
}
COUNTS = {1: "one", 2: "two", 3: "three"}
POSITION_PHRASES: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "to the left"),
    "centre": ("in the middle", "in the centre"),
    "right": ("on the right", "to the right"),
}
RELATIONS: dict[str, tuple[str, ...]] = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "beside": ("beside", "next to", "and", "with"),
    "above": ("above", "over"),
}
"""Where the first thing is, seen from the second."""

COLOURS: dict[str, Colour] = {
    "red": (214, 62, 58),
    "orange": (240, 146, 52),
    "yellow": (248, 212, 72),
    "green": (82, 168, 92),
    "blue": (64, 124, 214),
    "purple": (142, 84, 184),
    "pink": (244, 148, 184),
    "brown": (142, 98, 66),
    "grey": (142, 146, 152),
    "white": (246, 245, 240),
    "black": (34, 34, 40),
}
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "hexagon")
"""Simple things, each in any of the colours."""
