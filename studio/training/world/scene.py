"""A scene: what is in a picture, how it is drawn, and which scenes are kept for the exam."""

import hashlib
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image

from studio.training.world import glyphs, sky
from studio.training.world.places import DRAW_PLACE, Brush
from studio.training.world.vocabulary import PLACES, THINGS, TIMES, WEATHERS, Thing

HELD_OUT_SHARE = 20
"""One combination of thing, place, time and weather in this many never appears in training."""

OVERSAMPLING = 2
POSITIONS = {"left": 0.30, "centre": 0.5, "right": 0.70}


@dataclass(frozen=True)
class Scene:
    """Everything that decides a picture of the world, with the seed of its small accidents."""

    thing: str
    place: str
    time: str
    weather: str
    position: str
    seed: int


def is_held_out(scene: Scene) -> bool:
    """Whether this combination is kept out of training, decided by a hash of its names."""
    key = f"{scene.thing}/{scene.place}/{scene.time}/{scene.weather}".encode()
    return hashlib.sha256(key).digest()[0] % HELD_OUT_SHARE == 0


def sample_scene(random: Random) -> Scene:
    """One scene at random. Indoors and on the moon there is no weather; some combinations are
    held out."""
    place = random.choice(PLACES).name
    outdoors = place not in ("room", "moon")
    weather = random.choices(WEATHERS, (4, 2, 2, 1))[0].name if outdoors else "clear"
    return Scene(
        thing=random.choice(THINGS).name,
        place=place,
        time=random.choice(TIMES).name if place != "moon" else "night",
        weather=weather,
        position=random.choices(tuple(POSITIONS), (1, 2, 1))[0],
        seed=random.getrandbits(32),
    )


def draw(scene: Scene, size: int) -> Image.Image:
    """The scene as a square RGB picture of ``size`` px; the same scene gives the same picture."""
    random = Random(scene.seed)
    full = size * OVERSAMPLING
    outdoors = scene.place not in ("room", "moon")
    background = sky.draw_sky(full, scene.time, scene.weather, random)
    before = np.asarray(background, np.float32)
    layer = background.copy()
    brush = Brush(layer, lit=scene.time in ("evening", "night"))
    ground = DRAW_PLACE[scene.place](brush, random)
    if outdoors:
        sky.cover_ground(brush, ground, scene.weather, random)
    drawn = np.asarray(layer, np.float32)
    # Sky pixels and lit windows carry their own light; the rest is lit by the time of day.
    glows = (drawn == before).all(-1) | (drawn == (255, 225, 120)).all(-1) | (scene.place == "moon")
    lit = np.where(glows[..., None], drawn, sky.light_up(drawn, scene.time))
    picture = Image.fromarray(lit.clip(0, 255).astype(np.uint8))
    _place_thing(picture, scene, ground, random)
    if outdoors:
        picture = sky.add_weather(picture, scene.weather, scene.time, random)
    return picture.reduce(OVERSAMPLING)


def _place_thing(picture: Image.Image, scene: Scene, ground: float, random: Random) -> None:
    thing = _thing(scene.thing)
    glyph = glyphs.glyph_image(thing.glyph)
    full = picture.width
    long_side = full * random.uniform(0.52, 0.60)
    scale = long_side / max(glyph.size)
    glyph = glyph.resize((round(glyph.width * scale), round(glyph.height * scale)), Image.Resampling.BILINEAR)
    x = POSITIONS[scene.position] + random.uniform(-0.03, 0.03)
    y = min(ground + random.uniform(0.0, 0.05), 0.96)
    shadow = Image.new("RGBA", picture.size)
    Brush(shadow).oval(x, y, 0.20, 0.028, (0, 0, 0))
    alpha = np.asarray(shadow)[..., 3].astype(np.float32) * 0.30
    picture.paste((20, 20, 35), (0, 0), Image.fromarray(alpha.astype(np.uint8)))
    pixels = np.asarray(glyph, np.float32)
    # Things keep more of their own colour than the ground does, so that night hides none.
    light = 0.45 + 0.55 * np.array(sky.LIGHT[scene.time], np.float32)
    lit = Image.fromarray((pixels[..., :3] * light).astype(np.uint8))
    left = round(x * full - glyph.width / 2)
    top = round((y - (0.10 if thing.floats else 0.0)) * full - glyph.height)
    picture.paste(lit, (left, top), glyph.getchannel("A"))


def _thing(name: str) -> Thing:
    return next(thing for thing in THINGS if thing.name == name)


class SceneDataset:
    """Scenes by number: item ``k`` of a seed is always the same picture and caption."""

    def __init__(self, seed: int, size: int, held_out: bool = False) -> None:
        self.seed, self.size, self.held_out = seed, size, held_out

    def scene(self, index: int) -> Scene:
        """The scene with that number, never one of the other set (training or held out)."""
        random = Random(f"{self.seed}/{index}")
        while True:
            scene = sample_scene(random)
            if is_held_out(scene) == self.held_out:
                return scene

    def picture(self, index: int) -> Image.Image:
        """The picture with that number."""
        return draw(self.scene(index), self.size)
