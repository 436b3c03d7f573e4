"""Masks: white is painted anew, black stays."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter

from studio.canvas.geometry import Box
from studio.errors import StudioError

HALF = 128
EMPTY = "The mask is empty: paint over what shall change."
FAINT = "The mask is too faint for anything to be painted anew: draw it lighter, or switch on soft inpainting."
CUT_OFF = "All of the mask lies where Crop and resize cuts the picture off: choose another resize mode, or Only masked."


def softened(mask: Image.Image, blur: int) -> Image.Image:
    """Mask (mode L) with its edge drawn outwards by a Gaussian of that deviation in px. What was
    drawn stays as light as it is, however thin."""
    return ImageChops.lighter(mask, mask.filter(ImageFilter.GaussianBlur(blur))) if blur else mask


def hard(mask: Image.Image) -> Image.Image:
    """Every pixel of a mask (mode L) either white or black."""
    return mask.point(lambda value: 255 * (value >= HALF))


def masked_box(mask: Image.Image) -> Box:
    """The smallest box around everything in a mask that is not black.

    Raises:
        StudioError: if there is nothing.
    """
    box = mask.getbbox()
    if box is None:
        raise StudioError(EMPTY)
    return Box(*box)


def reveal(soft: Image.Image) -> Image.Image:
    """How much of the painted picture shows through a softened mask (mode L): all of it from half
    grey on, less towards black. So what was drawn is painted wholly, and the blur lies around it."""
    return soft.point(lambda value: min(2 * value, 255))
