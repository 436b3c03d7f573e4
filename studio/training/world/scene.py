"""A scene: everything that decides a picture, where its things stand, and which scenes the exam keeps."""

import hashlib
from dataclasses import dataclass
from random import Random

from studio.training.world import places, things

HELD_OUT_SHARE = 20
HELD_OUT_BY = ("thing", "place", "time", "style")
"""One combination of these in that many never appears in training, but for the second of two things, which is not
looked at: changing that would change which scenes a stored drawing shows."""

POSITIONS = {"left": 0.30, "centre": 0.5, "right": 0.70}
LONG_SIDE = {"small": 0.34, "medium": 0.54, "large": 0.76}
"""A lone thing's longer side, as a share of the picture's."""
PAIR_SIDE = {"small": 0.27, "medium": 0.42, "large": 0.52}
"""That of the first of two things; the second is medium."""


@dataclass(frozen=True)
class Scene:
    """Everything that decides a picture of the world, with the seed of its small accidents.

    ``colour`` is that of a simple shape, ``background`` that of a bare background, and ``other`` a second
    thing, to which the first stands in ``relation``; each is empty where the scene has none.
    """

    thing: str
    place: str
    time: str
    weather: str
    style: str
    seed: int
    position: str = "centre"
    size: str = "medium"
    count: int = 1
    colour: str = ""
    background: str = ""
    other: str = ""
    relation: str = ""

    @property
    def tells_time(self) -> bool:
        """Whether the time of day shows."""
        return not places.BY_NAME[self.place].always

    def random(self, part: str) -> Random:
        """The random source of one part of the drawing, so that no part disturbs another."""
        return Random(f"{self.seed}/{part}")


@dataclass(frozen=True)
class Standing:
    """A thing where it stands: middle ``x`` and ``lift`` above the ground line, longer ``side``, all as
    shares of the picture's width."""

    thing: str
    x: float
    lift: float
    side: float


def layout(scene: Scene) -> tuple[Standing, ...]:
    """Its things from back to front."""
    random = scene.random("layout")

    def stand(thing: str, x: float, side: float, lift: float = 0.0) -> Standing:
        known = things.ALL.get(thing)
        floating = 0.10 if known and known.floats else 0.0
        near = random.uniform(-0.035, 0.005)
        return Standing(
            thing, x + random.uniform(-0.025, 0.025), lift + floating - near, side * random.uniform(0.95, 1.05)
        )

    if scene.other:
        side = PAIR_SIDE[scene.size]
        if scene.relation == "above":
            return (stand(scene.other, 0.5, 0.40), stand(scene.thing, 0.5, min(side, 0.38), 0.44))
        left_first = scene.relation == "left of" or (scene.relation == "beside" and random.random() < 0.5)
        xs = (0.27, 0.73) if left_first else (0.73, 0.27)
        return (stand(scene.other, xs[1], PAIR_SIDE["medium"]), stand(scene.thing, xs[0], side))
    if scene.count > 1:
        across, side = ([0.27, 0.73], 0.42) if scene.count == 2 else ([0.18, 0.50, 0.82], 0.31)
        return tuple(stand(scene.thing, x, side) for x in across)
    return (stand(scene.thing, POSITIONS[scene.position] if scene.size != "large" else 0.5, LONG_SIDE[scene.size]),)


def is_held_out(scene: Scene, by: tuple[str, ...] = HELD_OUT_BY) -> bool:
    """Whether this combination is kept out of training, decided by a hash of its names."""
    key = "/".join(getattr(scene, part) for part in by).encode()
    return hashlib.sha256(key).digest()[0] % HELD_OUT_SHARE == 0
