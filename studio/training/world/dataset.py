"""Scenes by number: how often each kind occurs, and the two sets that never mix."""

from random import Random

from PIL import Image

from studio.training.world.drawing import draw, draw_plainly
from studio.training.world.edition import Edition
from studio.training.world.places import Place
from studio.training.world.scene import POSITIONS, Scene, is_held_out
from studio.training.world.vocabulary import COLOURS, COUNTS, RELATIONS, SHAPES, SIZES, TIMES, WEATHERS

PAIR_SHARE, SEVERAL_SHARE, SHAPE_SHARE = 0.20, 0.15, 0.06
"""Scenes of two different things, of two or three of one, and of simple shapes."""
BACKDROPS = tuple(colour for colour in COLOURS if colour != "black")
FLAT_WEIGHT = 3
"""Flat pictures, where every detail shows, for one of each other style."""


def sample_scene(edition: Edition, random: Random) -> Scene:
    """One scene at random. Indoors there is no weather, and some places have but one time."""
    place = random.choice(edition.places)
    kind = "alone" if edition.alone else _kind(random)
    background = random.choice(BACKDROPS) if place.name == "background" else ""
    names = tuple(thing.name for thing in edition.things)
    thing = random.choice(SHAPES if not edition.alone and random.random() < SHAPE_SHARE else names)
    return Scene(
        thing=thing,
        place=place.name,
        time=place.always or random.choice(TIMES).name,
        weather=_weather(place, random),
        style=random.choices(edition.styles, [FLAT_WEIGHT, *[1] * (len(edition.styles) - 1)])[0].name,
        seed=random.getrandbits(32),
        position=random.choices(tuple(POSITIONS), (1, 2, 1))[0] if kind == "alone" else "centre",
        size=random.choices(tuple(SIZES), (1, 2, 1))[0] if kind != "several" and not edition.alone else "medium",
        count=random.choice(tuple(COUNTS)[1:]) if kind == "several" else 1,
        colour=random.choice([colour for colour in COLOURS if colour != background]) if thing in SHAPES else "",
        background=background,
        other=random.choice([name for name in names if name != thing]) if kind == "pair" else "",
        relation=random.choice(tuple(RELATIONS)) if kind == "pair" else "",
    )


def _kind(random: Random) -> str:
    return random.choices(("pair", "several", "alone"), (PAIR_SHARE, SEVERAL_SHARE, 1 - PAIR_SHARE - SEVERAL_SHARE))[0]


def _weather(place: Place, random: Random) -> str:
    return random.choices(WEATHERS, (4, 2, 2, 1))[0].name if place.outdoors else "clear"


class SceneDataset:
    """Item ``k`` of an edition's seed is always the same picture and caption. Of the held-out scenes those that one of
    the editions ``before`` shows are left out: a model that was trained on that one may have seen them."""

    def __init__(self, seed: int, edition: Edition, held_out: bool = False, before: tuple[Edition, ...] = ()) -> None:
        self.seed, self.edition, self.held_out, self.before = seed, edition, held_out, before

    def scene(self, index: int) -> Scene:
        """The scene with that number, never one of the other set (training or held out)."""
        random = Random(f"{self.seed}/{index}")
        while True:
            scene = sample_scene(self.edition, random)
            known = self.held_out and any(edition.shows(scene) for edition in self.before)
            if is_held_out(scene, self.edition.held_out_by) == self.held_out and not known:
                return scene

    def picture(self, index: int) -> Image.Image:
        """The picture with that number."""
        return draw(self.scene(index), self.edition.size)

    def plain_picture(self, index: int) -> Image.Image:
        """The same without style, weather and dusk: what a sketch of it shows."""
        return draw_plainly(self.scene(index), self.edition.size)
