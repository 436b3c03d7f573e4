"""From a scene to its picture: sky, place, light, things, weather, style."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from studio.training.world import glyphs, shapes, sky, things
from studio.training.world.brush import Brush
from studio.training.world.places import BY_NAME
from studio.training.world.scene import Scene, Standing, layout
from studio.training.world.styles import RENDER
from studio.training.world.vocabulary import COLOURS, SHAPES

OVERSAMPLING = 2


def draw(scene: Scene, size: int) -> Image.Image:
    """The scene as a square RGB picture of ``size`` px; the same scene gives the same picture."""
    full = size * OVERSAMPLING
    picture, ground = _surroundings(scene, full)
    for standing in layout(scene):
        _put(picture, scene, standing, ground)
    if BY_NAME[scene.place].outdoors:
        picture = sky.add_weather(picture, scene.weather, scene.time, scene.random("weather"))
    small = picture.reduce(OVERSAMPLING)
    return RENDER[scene.style](small, np.random.default_rng(scene.seed))


def draw_plainly(scene: Scene, size: int) -> Image.Image:
    """The scene's drawing itself: flat, by day, in clear weather."""
    return draw(replace(scene, style="flat", weather="clear", time="day"), size)


def _surroundings(scene: Scene, full: int) -> tuple[Image.Image, float]:
    """Sky and place, lit, and the height of the ground line."""
    place = BY_NAME[scene.place]
    picture = _backdrop(scene, full) if scene.background else _sky(scene, full)
    cover = Image.new("L", (full, full))
    brush = Brush(picture, lit=scene.time in ("evening", "night") and scene.tells_time, cover=cover)
    ground = place.draw(brush, scene.random("place"))
    if place.outdoors:
        sky.cover_ground(brush, ground, scene.weather, scene.random("ground"))
    if scene.tells_time:
        # Sky and lit windows carry their own light; the rest is lit by the time of day.
        picture = Image.composite(sky.light_up(picture, sky.LIGHT[scene.time]), picture, cover)
    return picture, ground


def _sky(scene: Scene, full: int) -> Image.Image:
    return sky.draw_sky(full, scene.time, scene.weather, scene.random("sky"))


def _backdrop(scene: Scene, full: int) -> Image.Image:
    """A bare background, a little lighter at the top."""
    light, dark = (np.array(COLOURS[scene.background], np.float32) * factor for factor in (1.06, 0.90))
    return sky.gradient(full, light, dark)


def _put(picture: Image.Image, scene: Scene, standing: Standing, ground: float) -> None:
    """Paste a thing and its shadow into the picture."""
    full = picture.width
    glyph = (
        shapes.shape_image(standing.thing, COLOURS[scene.colour])
        if standing.thing in SHAPES
        else glyphs.glyph_image(things.ALL[standing.thing].glyph)
    )
    scale = standing.side * full / max(glyph.size)
    glyph = glyph.resize((round(glyph.width * scale), round(glyph.height * scale)), Image.Resampling.BILINEAR)
    foot = min(ground - min(standing.lift, 0.02), 0.96)
    _shade_ground(picture, standing, foot)
    # Things keep more of their own colour than the ground does, so that night hides none.
    red, green, blue = (0.45 + 0.55 * part for part in sky.LIGHT[scene.time if scene.tells_time else "day"])
    bottom = max((foot - max(standing.lift - 0.02, 0.0)) * full, glyph.height + 0.02 * full)
    corner = (round(standing.x * full - glyph.width / 2), round(bottom - glyph.height))
    picture.paste(sky.light_up(glyph.convert("RGB"), (red, green, blue)), corner, glyph.getchannel("A"))


def _shade_ground(picture: Image.Image, standing: Standing, foot: float) -> None:
    """A faint oval under the thing, fainter when it hangs high."""
    full = picture.width
    width, height = round(standing.side * 0.72 * full), round(0.048 * full)
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).ellipse((0, 0, width - 1, height - 1), fill=46 if standing.lift > 0.3 else 76)
    corner = (round(standing.x * full - width / 2), round(foot * full - height / 2))
    picture.paste((20, 20, 35), (*corner, corner[0] + width, corner[1] + height), mask)
