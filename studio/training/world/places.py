"""The eight places, each drawn by one function in colours of full daylight.

Every function draws onto a canvas whose coordinates run from 0 to 1 and returns the height
of the ground line on which things stand (0 is the top). Light comes later, in ``scene.draw``.
"""

from collections.abc import Callable
from random import Random

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]


class Brush:
    """Draws shapes given in coordinates from 0 to 1 onto a square picture. ``lit`` says that
    windows are: it is evening or night."""

    def __init__(self, picture: Image.Image, lit: bool = False) -> None:
        self.size, self.lit = picture.width, lit
        self._draw = ImageDraw.Draw(picture)

    def _scaled(self, points: tuple[Point, ...] | list[Point]) -> list[Point]:
        return [(x * self.size, y * self.size) for x, y in points]

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        self._draw.rectangle(self._scaled([(left, top), (right, bottom)]), fill=fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        self._draw.ellipse(self._scaled([(x - rx, y - ry), (x + rx, y + ry)]), fill=fill)

    def shape(self, points: list[Point], fill: Colour) -> None:
        self._draw.polygon(self._scaled(points), fill=fill)

    def line(self, points: list[Point], fill: Colour, width: float) -> None:
        width_px = max(1, round(width * self.size))
        self._draw.line(self._scaled(points), fill=fill, width=width_px)


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor below 1) or lighter (above 1), clipped to 0..255."""
    red, green, blue = (max(0, min(255, round(value * factor))) for value in colour)
    return (red, green, blue)


def street(brush: Brush, random: Random) -> float:
    """Houses with windows (lit at night) above a road with a dashed line."""
    window = (255, 225, 120) if brush.lit else (150, 180, 205)
    wall_colours: list[Colour] = [(150, 110, 100), (120, 125, 140), (165, 145, 120), (105, 120, 130)]
    left = -0.02
    while left < 1:
        width, top = random.uniform(0.16, 0.24), random.uniform(0.14, 0.34)
        brush.box(left, top, left + width, 0.68, random.choice(wall_colours))
        for row in range(int((0.62 - top) / 0.12)):
            for column in (0.22, 0.62):
                x, y = left + width * column, top + 0.05 + row * 0.12
                brush.box(x, y, x + 0.04, y + 0.055, window)
        left += width
    brush.box(0, 0.68, 1, 0.74, (170, 168, 165))
    brush.box(0, 0.74, 1, 1, (95, 97, 104))
    for start in (0.02, 0.28, 0.54, 0.80):
        brush.box(start, 0.855, start + 0.14, 0.875, (225, 215, 150))
    return 0.86


def beach(brush: Brush, random: Random) -> float:
    """The sea with foam behind a strip of sand."""
    horizon = random.uniform(0.42, 0.50)
    brush.box(0, horizon, 1, 0.74, (45, 135, 190))
    for y in (horizon + 0.06, horizon + 0.14):
        shift = random.uniform(0, 0.2)
        for x in (0.0, 0.3, 0.6, 0.9):
            brush.line([(x - shift, y), (x + 0.16 - shift, y)], (120, 190, 225), 0.012)
    brush.box(0, 0.70, 1, 0.74, (225, 240, 245))
    brush.box(0, 0.735, 1, 1, (238, 214, 160))
    return 0.90


def forest(brush: Brush, random: Random) -> float:
    """Rows of firs, the far ones paler."""
    brush.box(0, 0.70, 1, 1, (70, 115, 60))
    for base, colour, count in ((0.70, (75, 130, 105), 7), (0.78, (30, 90, 60), 5)):
        for index in range(count):
            x = (index + random.uniform(0.2, 0.8)) / count
            height, half = random.uniform(0.40, 0.60), random.uniform(0.08, 0.11)
            brush.box(x - 0.012, base - 0.06, x + 0.012, base + 0.01, (95, 65, 45))
            for tier in range(3):
                bottom = base - 0.04 - tier * height * 0.24
                spread = half * (1 - tier * 0.24)
                tip = bottom - height * 0.42
                brush.shape([(x - spread, bottom), (x, tip), (x + spread, bottom)], colour)
    return 0.90


def meadow(brush: Brush, random: Random) -> float:
    """Rolling grass with flowers."""
    lift = random.uniform(-0.03, 0.03)
    brush.oval(0.2, 1.00 + lift, 0.9, 0.42, (110, 180, 80))
    brush.oval(0.9, 1.05 - lift, 0.9, 0.40, (125, 195, 85))
    brush.box(0, 0.80, 1, 1, (100, 175, 75))
    petals: list[Colour] = [(245, 235, 110), (240, 130, 160), (250, 250, 250)]
    for _ in range(14):
        x, y = random.uniform(0, 1), random.uniform(0.80, 0.98)
        brush.oval(x, y, 0.014, 0.014, random.choice(petals))
    return 0.88


def mountains(brush: Brush, random: Random) -> float:
    """Peaks with snow caps over a green foreground."""
    for centre, colour in ((0.75, (125, 135, 160)), (0.28, (100, 110, 140))):
        x, top = centre + random.uniform(-0.08, 0.08), random.uniform(0.20, 0.30)
        brush.shape([(x - 0.5, 0.80), (x, top), (x + 0.5, 0.80)], colour)
        cap = 0.13
        drop = (0.80 - top) / 0.5
        brush.shape(
            [
                (x, top),
                (x + cap, top + cap * drop),
                (x + cap * 0.4, top + cap * drop * 0.75),
                (x, top + cap * drop * 1.05),
                (x - cap * 0.4, top + cap * drop * 0.75),
                (x - cap, top + cap * drop),
            ],
            (245, 248, 252),
        )
    brush.box(0, 0.78, 1, 1, (95, 140, 85))
    return 0.90


def desert(brush: Brush, random: Random) -> float:
    """Dunes with a shaded side."""
    shift = random.uniform(-0.1, 0.1)
    brush.box(0, 0.66, 1, 1, (232, 180, 105))
    for x, width, top in ((0.2 + shift, 0.45, 0.50), (0.85 - shift, 0.5, 0.54)):
        brush.shape([(x - width, 0.72), (x, top), (x + width, 0.72)], (238, 190, 115))
        brush.shape([(x, top), (x + width, 0.72), (x + width * 0.3, 0.72)], (205, 148, 85))
    brush.shape([(0, 0.80), (0.5, 0.74), (1, 0.82), (1, 1), (0, 1)], (240, 196, 122))
    return 0.90


def room(brush: Brush, random: Random) -> float:
    """A wall with a picture and a rug; the window is the part of the sky left open."""
    wall = random.choice([(205, 165, 140), (165, 185, 165), (175, 165, 195)])
    brush.box(0, 0, 1, 0.10, wall)
    brush.box(0, 0.44, 1, 0.74, wall)
    brush.box(0, 0, 0.10, 0.74, wall)
    brush.box(0.48, 0, 1, 0.74, wall)
    frame = (245, 240, 230)
    for box in (
        (0.08, 0.08, 0.11, 0.46),
        (0.47, 0.08, 0.50, 0.46),
        (0.08, 0.08, 0.50, 0.11),
        (0.08, 0.43, 0.50, 0.46),
        (0.28, 0.08, 0.30, 0.46),
    ):
        brush.box(*box, frame)
    brush.box(0.66, 0.14, 0.88, 0.34, (110, 75, 50))
    brush.box(0.685, 0.165, 0.855, 0.315, random.choice([(90, 150, 180), (200, 110, 90)]))
    brush.box(0, 0.72, 1, 0.745, (240, 235, 225))
    brush.box(0, 0.745, 1, 1, (150, 105, 70))
    brush.oval(0.5, 0.90, 0.42, 0.07, (175, 70, 75))
    return 0.90


def moon(brush: Brush, random: Random) -> float:
    """Grey ground with craters under a black sky with the Earth in it."""
    brush.box(0, 0, 1, 0.8, (10, 10, 22))
    for _ in range(36):
        x, y = random.uniform(0, 1), random.uniform(0, 0.66)
        brush.oval(x, y, 0.006, 0.006, (250, 250, 255))
    x = random.uniform(0.72, 0.86)
    brush.oval(x, 0.18, 0.10, 0.10, (60, 120, 210))
    brush.oval(x - 0.03, 0.16, 0.04, 0.03, (90, 170, 100))
    brush.oval(x + 0.03, 0.21, 0.04, 0.025, (90, 170, 100))
    brush.oval(0.5, 1.05, 0.95, 0.36, (150, 150, 155))
    for _ in range(7):
        x, y = random.uniform(0.02, 0.98), random.uniform(0.78, 0.97)
        brush.oval(x, y, 0.06, 0.02, (115, 115, 122))
    return 0.90


DRAW_PLACE: dict[str, Callable[[Brush, Random], float]] = {
    "street": street,
    "beach": beach,
    "forest": forest,
    "meadow": meadow,
    "mountains": mountains,
    "desert": desert,
    "room": room,
    "moon": moon,
}
