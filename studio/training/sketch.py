"""Sketches of pictures: the lines a ControlNet is taught to follow.

An edge map is Canny's (1986, "A Computational Approach to Edge Detection", PAMI-8): smoothed, thinned
across the gradient, strong lines kept with what hangs on them. A scribble is the same of a picture
smoothed more and drawn with a thicker pen.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

Lines = NDArray[np.bool_]
EDGE_SIGMA = 1 / 128
SCRIBBLE_SIGMA = 2 / 128
"""Deviations of the smoothing, as shares of the picture's width."""
AROUND = np.ones((3, 3), np.bool_)
LOW, HIGH = 36.0, 90.0
"""Gradients (grey levels over Sobel's 3 x 3 window, each weighted) where a line may go on, and where one starts."""


def edges(picture: Image.Image, sigma: float = EDGE_SIGMA) -> Lines:
    """Canny's edges (H, W) of an RGB picture, over the strongest of its three channels."""
    pixels = np.asarray(picture, np.float32)
    smooth = ndimage.gaussian_filter(pixels, (sigma * picture.width, sigma * picture.width, 0))
    across, down = ndimage.sobel(smooth, 1), ndimage.sobel(smooth, 0)
    strength = np.hypot(across, down)
    strongest = strength.argmax(-1, keepdims=True)
    across, down, strength = (np.take_along_axis(part, strongest, -1)[..., 0] for part in (across, down, strength))
    thin = strength * _is_ridge(strength, across, down)
    pieces, count = ndimage.label(thin > LOW, AROUND)
    if not count:
        return np.zeros(strength.shape, np.bool_)
    kept = np.asarray(ndimage.maximum(thin, pieces, np.arange(count + 1)) > HIGH)
    kept[0] = False
    lines: Lines = kept[pieces]
    return lines


def _is_ridge(strength: NDArray[np.float32], across: NDArray[np.float32], down: NDArray[np.float32]) -> Lines:
    """Where the gradient is no smaller than at both neighbours in its own direction."""
    octant = np.round(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4
    padded = np.pad(strength, 1)
    height, width = strength.shape
    ridge = np.zeros(strength.shape, np.bool_)
    for number, (y, x) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        behind = padded[1 - y : 1 - y + height, 1 - x : 1 - x + width]
        ridge |= (octant == number) & (strength >= ahead) & (strength > behind)
    return ridge


def scribble(picture: Image.Image) -> Lines:
    """The coarse lines (H, W) of an RGB picture, as a hand with a thick pen draws them."""
    coarse = edges(picture.filter(ImageFilter.MedianFilter(5)), SCRIBBLE_SIGMA)
    return ndimage.binary_dilation(coarse, AROUND, iterations=max(1, picture.width // 128))


def agreement(found: Lines, asked: Lines, reach: int) -> float:
    """F1 of two line drawings (H, W): precision and recall of their points, each counted as met
    when the other has one within ``reach`` px."""
    if not found.any() or not asked.any():
        return float(found.any() == asked.any())
    near = [ndimage.binary_dilation(lines, AROUND, iterations=reach) for lines in (found, asked)]
    precision, recall = near[1][found].mean(), near[0][asked].mean()
    return float(2 * precision * recall / max(precision + recall, 1e-9))
