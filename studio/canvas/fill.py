"""Filling a part of a picture from what is around it, as a ground that the model paints on."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

FILL_SIDE = 256
"""Px of the longer side at which the fill is reckoned: it has no detail, and takes time by its area."""
REACH = 3
"""Radius, in px of the small picture, of what each filled pixel is made from."""


def filled(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The RGB picture with what is white in the mask (mode L, same size) filled from around it,
    by fast marching (Telea 2004, "An Image Inpainting Technique Based on the Fast Marching
    Method"), smoothly; where all of it is masked, grey."""
    import cv2  # here, since only this needs it

    small = picture.copy()
    small.thumbnail((FILL_SIDE, FILL_SIDE))
    hole = np.asarray(mask.resize(small.size, Image.Resampling.BILINEAR)) > 0
    if hole.all():
        return Image.new("RGB", picture.size, (127, 127, 127))
    guess = Image.fromarray(cv2.inpaint(np.asarray(small), hole.astype(np.uint8), REACH, cv2.INPAINT_TELEA))
    smooth = guess.filter(ImageFilter.GaussianBlur(2)).resize(picture.size, Image.Resampling.BICUBIC)
    return Image.composite(smooth, picture, mask)
