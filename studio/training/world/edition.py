"""Editions of the world: how large its pictures are, and which things stand in them."""

from dataclasses import dataclass
from functools import cached_property

from studio.training.world import things
from studio.training.world.places import PLACES, Place
from studio.training.world.scene import HELD_OUT_BY, Scene
from studio.training.world.things import Thing
from studio.training.world.vocabulary import SHAPES, STYLES, Style

EVERYDAY_THINGS = """
cat, dog, fox, rabbit, cow, pig, elephant, bear, panda, lion, tiger, monkey, penguin, owl, duck, frog, turtle, snail,
butterfly, bee, fish, whale, octopus, crab, dinosaur, unicorn, tree, cactus, sunflower, tulip, mushroom, apple, cake,
pizza, ice cream, car, bus, bicycle, boat, rocket, train, house, castle, tent, balloon, guitar, snowman, robot,
horse, ewe, giraffe, koala, chicken, parrot, dragon, rose, fir tree, palm tree, banana, strawberry, pumpkin,
hamburger, doughnut, coffee, airplane, helicopter, tractor, ambulance, ufo, kite, umbrella, book, candle,
drum, violin, teddy bear, crown, top hat, key, alarm clock, chair, camera, ghost, alien, rainbow, hedgehog
"""


FIRST_PLACES = ("street", "beach", "forest", "meadow", "mountains", "desert", "room", "moon")


@dataclass(frozen=True)
class Edition:
    """``size`` is the width of its square pictures in px. Things, places and styles are all there are where
    they are not listed."""

    name: str
    size: int
    channels: tuple[int, ...]
    """Widths of the denoiser's levels."""
    listed: tuple[str, ...] = ()
    listed_places: tuple[str, ...] = ()
    listed_styles: tuple[str, ...] = ()
    alone: bool = False
    """Whether a thing always stands alone and is of medium size."""
    held_out_by: tuple[str, ...] = HELD_OUT_BY
    """What makes a combination that may be kept for the exam."""
    pictures: int = 24_000
    """How many are drawn to train on."""

    @cached_property
    def things(self) -> tuple[Thing, ...]:
        """Its glyphs, in the order of their file."""
        return tuple(thing for thing in things.ALL.values() if not self.listed or thing.name in self.listed)

    @cached_property
    def thing_names(self) -> tuple[str, ...]:
        """Everything that can stand in a scene: glyphs and simple shapes."""
        return (*(thing.name for thing in self.things), *(() if self.alone else SHAPES))

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where things can stand."""
        return tuple(place for place in PLACES if not self.listed_places or place.name in self.listed_places)

    @cached_property
    def styles(self) -> tuple[Style, ...]:
        """How scenes are rendered; the first is the usual one."""
        return tuple(style for style in STYLES if not self.listed_styles or style.name in self.listed_styles)

    def shows(self, scene: Scene) -> bool:
        """Whether its thing stands in such a place and style here, too, in whatever weather and number."""
        places, styles = {place.name for place in self.places}, {style.name for style in self.styles}
        return scene.thing in self.thing_names and scene.place in places and scene.style in styles


EVERYDAY = tuple(name.strip() for name in EVERYDAY_THINGS.split(","))
FIRST = Edition(
    "first", 128, (128, 256), EVERYDAY[:48], FIRST_PLACES, ("flat",), True, ("thing", "place", "time", "weather")
)
CPU = Edition("cpu", 128, (128, 256), EVERYDAY, pictures=36_000)
FULL = Edition("full", 256, (96, 192, 288), pictures=80_000)
EDITIONS = {edition.name: edition for edition in (FIRST, CPU, FULL)}
