"""Simple shapes in plain colours, as things to stand in a scene."""

import math
from functools import lru_cache

from PIL import Image, ImageDraw

from studio.training.world.brush import Colour, shade

SIDE_PX = 128


def _polygon(corners: int, turn: float) -> list[tuple[float, float]]:
    """A regular polygon within the unit square, turned by a share of a circle."""
    angles = (2 * math.pi * (turn + index / corners) for index in range(corners))
    return [(0.5 + 0.5 * math.sin(angle), 0.5 - 0.5 * math.cos(angle)) for angle in angles]


OUTLINES: dict[str, list[tuple[float, float]]] = {
    "circle": _polygon(48, 0),
    "square": [(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)],
    "triangle": _polygon(3, 0),
    "diamond": _polygon(4, 0),
    "cross": [
        (x, y)
        for x, y in (
            *((0.34, 0), (0.66, 0), (0.66, 0.34), (1, 0.34), (1, 0.66), (0.66, 0.66)),
            *((0.66, 1), (0.34, 1), (0.34, 0.66), (0, 0.66), (0, 0.34), (0.34, 0.34)),
        )
    ],
    "hexagon": _polygon(6, 0),
}


@lru_cache(maxsize=256)
def shape_image(shape: str, colour: Colour) -> Image.Image:
    """The shape as an RGBA picture, 128 px on its longer side, with a darker rim."""
    picture = Image.new("RGBA", (SIDE_PX, SIDE_PX))
    points = [(x * (SIDE_PX - 5) + 2, y * (SIDE_PX - 5) + 2) for x, y in OUTLINES[shape]]
    ImageDraw.Draw(picture).polygon(points, fill=(*colour, 255), outline=(*shade(colour, 0.7), 255), width=4)
    return picture.crop(picture.getbbox())
