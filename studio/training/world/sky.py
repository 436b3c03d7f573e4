"""Sky, light and weather: what the time of day and the weather do to a scene."""

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio.training.world.brush import Brush, Colour

Pixels = NDArray[np.float32]

SKY: dict[str, tuple[Colour, Colour]] = {
    "morning": ((150, 190, 235), (255, 205, 190)),
    "day": ((70, 150, 235), (190, 225, 250)),
    "evening": ((95, 60, 130), (255, 140, 60)),
    "night": ((8, 12, 42), (34, 40, 88)),
}
"""Colour at the top and at the horizon."""

LIGHT: dict[str, tuple[float, float, float]] = {
    "morning": (1.0, 0.92, 0.88),
    "day": (1.0, 1.0, 1.0),
    "evening": (0.95, 0.70, 0.60),
    "night": (0.34, 0.38, 0.60),
}
"""What the light of each time multiplies red, green and blue by."""

OVERCAST: dict[str, Colour] = {"rain": (120, 130, 145), "snow": (205, 212, 222), "fog": (200, 204, 208)}


def draw_sky(size: int, time: str, weather: str, random: Random) -> Image.Image:
    """A square RGB sky of ``size`` px: gradient, sun or moon, stars, clouds."""
    top, horizon = (np.array(colour, np.float32) for colour in SKY[time])
    if weather in OVERCAST:
        grey = np.array(OVERCAST[weather], np.float32) * np.array(LIGHT[time], np.float32)
        top, horizon = top * 0.4 + grey * 0.6, horizon * 0.4 + grey * 0.6
    sky = gradient(size, top, horizon, 1.4)
    brush = Brush(sky)
    if weather == "clear":
        _draw_lights(brush, time, random)
    return sky


def _draw_lights(brush: Brush, time: str, random: Random) -> None:
    x = random.uniform(0.16, 0.34)
    if time == "night":
        for _ in range(24):
            brush.oval(random.uniform(0, 1), random.uniform(0, 0.5), 0.006, 0.006, (235, 235, 215))
        brush.oval(x, 0.17, 0.085, 0.085, (245, 240, 215))
        return
    height, colour = {
        "morning": (0.34, (255, 240, 170)),
        "day": (0.15, (255, 225, 60)),
        "evening": (0.38, (255, 95, 50)),
    }[time]
    brush.oval(x, height, 0.09, 0.09, colour)
    if time == "day":
        for cloud_x in (random.uniform(0.5, 0.6), random.uniform(0.82, 0.95)):
            for dx, radius in ((-0.07, 0.035), (0, 0.05), (0.07, 0.035)):
                brush.oval(cloud_x + dx, 0.14, radius * 1.3, radius, (250, 252, 255))


def cover_ground(brush: Brush, ground: float, weather: str, random: Random) -> None:
    """Snow on the ground, puddles in the rain. The moon and rooms stay as they are."""
    if weather == "snow":
        brush.shape([(0, ground - 0.08), (0.5, ground - 0.11), (1, ground - 0.08), (1, 1), (0, 1)], (240, 245, 250))
    elif weather == "rain":
        for _ in range(3):
            x, y = random.uniform(0.1, 0.9), random.uniform(ground + 0.02, 0.97)
            brush.oval(x, y, 0.10, 0.018, (140, 165, 190))


def gradient(size: int, top: Pixels, bottom: Pixels, haste: float = 1.0) -> Image.Image:
    """A square RGB picture of ``size`` px that runs from one colour (3,) to another, there early with ``haste``."""
    ramp = np.minimum(np.linspace(0, haste, size, dtype=np.float32), 1)[:, None, None]
    column = (top * (1 - ramp) + bottom * ramp).clip(0, 255).astype(np.uint8)
    return Image.fromarray(column).resize((size, size), Image.Resampling.NEAREST)


def light_up(picture: Image.Image, light: tuple[float, float, float]) -> Image.Image:
    """The RGB picture with its red, green and blue multiplied by those of the light."""
    return picture.point([round(value * part) for part in light for value in range(256)])


def add_weather(picture: Image.Image, weather: str, time: str, random: Random) -> Image.Image:
    """Rain streaks, snow flakes or fog in front of everything."""
    if weather == "fog":
        fog = np.array(OVERCAST["fog"], np.float32) * np.array(LIGHT[time], np.float32)
        veil = Image.new("RGB", picture.size, tuple(int(value) for value in fog))
        return Image.blend(picture, veil, 0.36 if time == "night" else 0.45)
    layer = picture.copy()
    brush = Brush(layer)
    if weather == "rain":
        for _ in range(46):
            x, y = random.uniform(0, 1.1), random.uniform(-0.1, 1)
            brush.line([(x, y), (x - 0.025, y + 0.085)], (190, 210, 235), 0.009)
        return Image.blend(picture, layer, 0.75)
    if weather == "snow":
        for _ in range(60):
            radius = random.uniform(0.006, 0.014)
            brush.oval(random.uniform(0, 1), random.uniform(0, 1), radius, radius, (250, 252, 255))
    return layer
