"""Outpainting: a picture made larger, and the mask of what is new."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageFilter, ImageOps

from studio.canvas.fill import filled

OVERLAP = 8
"""Px of the old picture that are painted anew along with the new part, so that no seam shows."""


@dataclass(frozen=True)
class Sides:
    """How many px are added on each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


def extended(picture: Image.Image, sides: Sides) -> tuple[Image.Image, Image.Image]:
    """The RGB picture on a larger ground whose new part is filled from its edges, and a mask
    (mode L) that is white there and a little into the old part."""
    border = (sides.left, sides.top, sides.right, sides.bottom)
    new = ImageOps.expand(Image.new("L", picture.size, 0), border, 255)
    grown = new.filter(ImageFilter.MaxFilter(2 * OVERLAP + 1))
    return filled(ImageOps.expand(picture, border), new), grown
