"""The places of the world: how they are spoken of, what they have of sky and weather, and how they are drawn.

Every drawing function takes a brush and a random source, draws in colours of full daylight over the sky, and
returns the height of the ground line on which things stand (0 is the top). Light comes later, in ``drawing``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from studio.training.world import nature, town
from studio.training.world.brush import Brush


@dataclass(frozen=True)
class Place:
    """One place, with the phrase that puts a thing into it ("on a street")."""

    name: str
    draw: Callable[[Brush, Random], float]
    preposition: str
    article: str
    synonyms: tuple[str, ...] = ()
    outdoors: bool = True
    """Whether there is weather."""
    always: str = ""
    """The one time of day it is there, untold; empty where the time shows."""

    @property
    def phrase(self) -> str:
        """ "on a street"."""
        return " ".join(word for word in (self.preposition, self.article, self.name) if word)


def plain(brush: Brush, random: Random) -> float:
    """A bare background: its colour is all there is, so nothing is drawn here."""
    del brush
    return random.uniform(0.84, 0.88)


PLACES: tuple[Place, ...] = (
    Place("street", town.street, "on", "a", ("road", "city street", "city")),
    Place("beach", nature.beach, "on", "a", ("seaside", "shore")),
    Place("forest", nature.forest, "in", "a", ("wood", "woods")),
    Place("meadow", nature.meadow, "in", "a", ("field", "grass")),
    Place("mountains", nature.mountains, "in", "the", ("mountain", "hills")),
    Place("desert", nature.desert, "in", "a", ("dunes", "sand")),
    Place("room", town.room, "in", "a", ("living room", "house interior"), outdoors=False),
    Place("moon", nature.moon, "on", "the", ("outer space", "lunar surface"), outdoors=False, always="night"),
    Place("village", town.village, "in", "a", ("hamlet", "cottages")),
    Place("harbour", town.harbour, "in", "a", ("harbor", "port", "pier")),
    Place("farm", town.farm, "on", "a", ("barn", "farmyard")),
    Place("kitchen", town.kitchen, "in", "a", (), outdoors=False),
    Place("library", town.library, "in", "a", ("study",), outdoors=False),
    Place("stage", town.stage, "on", "a", ("theatre stage",), outdoors=False, always="night"),
    Place("jungle", nature.jungle, "in", "a", ("rainforest",)),
    Place("lake", nature.lake, "by", "a", ("pond", "lakeside")),
    Place("cave", nature.cave, "in", "a", ("cavern", "grotto"), outdoors=False),
    Place("sea floor", nature.underwater, "on", "the", ("seabed", "ocean floor"), outdoors=False, always="day"),
    Place("clouds", nature.clouds, "above", "the", ("heavens",), outdoors=False),
    Place("background", plain, "on", "a", ("backdrop",), outdoors=False, always="day"),
)

BY_NAME = {place.name: place for place in PLACES}
