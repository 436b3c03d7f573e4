"""Editions of the world: how large its pictures are, and which things stand in them."""

from dataclasses import dataclass
from functools import cached_property

from studio.training.world import things
from studio.training.world.things import Thing
from studio.training.world.vocabulary import SHAPES

EVERYDAY_THINGS = """
cat, dog, fox, rabbit, cow, pig, elephant, bear, panda, lion, tiger, monkey, penguin, owl, duck, frog, turtle, snail,
butterfly, bee, fish, whale, octopus, crab, dinosaur, unicorn, tree, cactus, sunflower, tulip, mushroom, apple, cake,
pizza, ice cream, car, bus, bicycle, boat, rocket, train, house, castle, tent, balloon, guitar, snowman, robot,
horse, ewe, giraffe, koala, chicken, parrot, dragon, rose, fir tree, palm tree, banana, strawberry, pumpkin,
hamburger, doughnut, coffee, airplane, helicopter, tractor, ambulance, ufo, kite, umbrella, book, candle,
drum, violin, teddy bear, crown, top hat, key, alarm clock, chair, camera, ghost, alien, rainbow, hedgehog
"""


@dataclass(frozen=True)
class Edition:
    """``size`` is the width of its square pictures in px; ``names`` are its things, or all where empty."""

    name: str
    size: int
    names: tuple[str, ...] = ()
    pictures: int = 24_000
    """How many are drawn to train on."""

    @cached_property
    def things(self) -> tuple[Thing, ...]:
        """Its glyphs, in the order of their file."""
        return tuple(thing for thing in things.ALL.values() if not self.names or thing.name in self.names)

    @cached_property
    def thing_names(self) -> tuple[str, ...]:
        """Everything that can stand in a scene: glyphs and simple shapes."""
        return (*(thing.name for thing in self.things), *SHAPES)


CPU = Edition("cpu", 128, tuple(name.strip() for name in EVERYDAY_THINGS.split(",")))
FULL = Edition("full", 256, pictures=100_000)
EDITIONS = {edition.name: edition for edition in (CPU, FULL)}
