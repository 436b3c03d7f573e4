"""A brush for flat shapes in coordinates from 0 to 1."""

from random import Random

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

WINDOW_LIGHT: Colour = (255, 225, 120)
"""The one colour that shines by itself when a place is lit by the time of day."""


class Brush:
    """Draws shapes given in coordinates from 0 to 1 onto a square picture.

    ``lit`` says that windows are: it is evening or night. Where ``cover`` (mode L) is given, it becomes 255
    under everything drawn, and 0 under what shines by itself.
    """

    def __init__(self, picture: Image.Image, lit: bool = False, cover: Image.Image | None = None) -> None:
        self.size, self.lit = picture.width, lit
        self._draw = ImageDraw.Draw(picture)
        self._cover = ImageDraw.Draw(cover) if cover else None

    def _scaled(self, points: list[Point]) -> list[Point]:
        return [(x * self.size, y * self.size) for x, y in points]

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        corners = self._scaled([(left, top), (right, bottom)])
        self._draw.rectangle(corners, fill=fill)
        if self._cover:
            self._cover.rectangle(corners, fill=_covers(fill))

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        corners = self._scaled([(x - rx, y - ry), (x + rx, y + ry)])
        self._draw.ellipse(corners, fill=fill)
        if self._cover:
            self._cover.ellipse(corners, fill=_covers(fill))

    def shape(self, points: list[Point], fill: Colour) -> None:
        corners = self._scaled(points)
        self._draw.polygon(corners, fill=fill)
        if self._cover:
            self._cover.polygon(corners, fill=_covers(fill))

    def line(self, points: list[Point], fill: Colour, width: float) -> None:
        corners, width_px = self._scaled(points), max(1, round(width * self.size))
        self._draw.line(corners, fill=fill, width=width_px)
        if self._cover:
            self._cover.line(corners, fill=_covers(fill), width=width_px)

    def window(self, x: float, y: float, width: float, height: float) -> None:
        """A window, lit in the evening and at night."""
        self.box(x, y, x + width, y + height, WINDOW_LIGHT if self.lit else (150, 185, 210))


def _covers(fill: Colour) -> int:
    return 0 if fill == WINDOW_LIGHT else 255


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor below 1) or lighter (above 1), clipped to 0..255."""
    red, green, blue = (max(0, min(255, round(value * factor))) for value in colour)
    return (red, green, blue)


def ridge(random: Random, base: float, height: float, count: int) -> list[Point]:
    """A wavy skyline from left to right around ``base``, closed at the bottom of the picture."""
    points = [(index / count, base - random.uniform(0, height)) for index in range(count + 1)]
    return [*points, (1.0, 1.0), (0.0, 1.0)]
