"""The drawn styles, each made by rendering a flat picture anew.

Every function takes an RGB picture and a random generator and gives an RGB picture of the same size. Lengths
are shares of the picture's width, so that a style looks the same at 128 and at 256 px.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

Pixels = NDArray[np.float32]
PAPER = np.array((250, 246, 236), np.float32)
INK = np.array((38, 30, 34), np.float32)


def _array(picture: Image.Image) -> Pixels:
    return np.asarray(picture, np.float32)


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _unit(size: int) -> float:
    """How many px a 128th of the width has."""
    return size / 128


@lru_cache(maxsize=16)
def _grain(size: int, softness: float) -> Pixels:
    """Noise (size, size) with mean 0 and deviation 1 that repeats at its edges, ``softness`` px wide."""
    noise = np.random.default_rng(5).standard_normal((size, size))
    if softness:
        noise = ndimage.gaussian_filter(noise, softness, mode="wrap")
    normal: Pixels = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    return normal


def _noise(size: int, softness: float, random: Generator) -> Pixels:
    """That noise, shifted at random: cheap and never twice the same."""
    shift = (int(random.integers(size)), int(random.integers(size)))
    return np.roll(_grain(size, softness * _unit(size)), shift, (0, 1))


def _light(pixels: Pixels) -> Pixels:
    """Luma (H, W), 0 to 255 (ITU-R BT.601)."""
    luma: Pixels = pixels @ np.array((0.299, 0.587, 0.114), np.float32)
    return luma


def _contour(luma: Pixels, width: float) -> Pixels:
    """How strong an edge is (H, W), 0 to about 1."""
    smooth = np.asarray(ndimage.gaussian_filter(luma, width), np.float32)
    return np.asarray(np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1)) / 260, np.float32)


def _legible(luma: Pixels) -> Pixels:
    """Luma half way to the full range, so that a night is still dark but not lost in black."""
    low, high = np.percentile(luma, (3, 97))
    stretched: Pixels = ((luma - low) / max(high - low, 30) * 225 + 20).clip(0, 255)
    return 0.4 * luma + 0.6 * stretched


def flat(picture: Image.Image, random: Generator) -> Image.Image:
    """As it was drawn."""
    del random
    return picture


@lru_cache(maxsize=8)
def _hatching(size: int) -> tuple[Pixels, Pixels]:
    """Two directions of strokes (size, size), each from 0 between strokes to 1 on them."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / _unit(size)
    wobble = 0.8 * _grain(size, 3 * _unit(size))
    strokes = [0.5 + 0.5 * np.sin((x * across + y + wobble) * 1.25) for across in (0.9, -0.75)]
    return strokes[0].astype(np.float32), strokes[1].astype(np.float32)


def pencil(picture: Image.Image, random: Generator) -> Image.Image:
    """Graphite contours, hatched shadows, a breath of colour."""
    pixels = _array(picture)
    luma = _legible(_light(pixels))
    dark = 1 - luma / 255
    first, second = _hatching(picture.width)
    hatch = np.clip(1.4 * dark - 0.25 - 0.75 * first, 0, 1) + np.clip(1.6 * dark - 0.95 - 0.5 * second, 0, 0.6)
    lines = np.clip(1.9 * _contour(luma, 0.55 * _unit(picture.width)) - 0.08, 0, 1)
    texture = 1 + 0.16 * _noise(picture.width, 0.5, random)
    graphite = np.clip((0.55 * hatch + 0.85 * lines) * texture, 0, 0.92)[..., None]
    tint = PAPER * (0.50 + 0.50 * (pixels / 255))
    return _image(tint * (1 - graphite) + np.array((58, 56, 66), np.float32) * graphite)


def watercolour(picture: Image.Image, random: Generator) -> Image.Image:
    """Washes that run a little, dry darker at their edges, and leave the paper's margin white."""
    size = picture.width
    unit = _unit(size)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    bleed = [0.8 * unit * _noise(size, 3, random) for _ in range(2)]
    rows, columns = (
        (part + shift).round().astype(int).clip(0, size - 1) for part, shift in zip((y, x), bleed, strict=True)
    )
    pixels = _array(picture)[rows, columns]
    pixels = ndimage.uniform_filter(pixels, (round(2 * unit), round(2 * unit), 0))
    edge = np.clip(_contour(_light(pixels), 0.6 * unit), 0, 0.8)
    pigment = (1 - pixels / 255) * 0.88
    wash = 1 + 0.10 * _noise(size, 8, random) + 0.04 * _noise(size, 0.4, random) + 0.40 * edge
    margin = np.minimum.reduce([x, y, size - 1 - x, size - 1 - y]) / unit + 1.6 * _noise(size, 3, random)
    inside = np.clip((margin - 3.0) / 1.6, 0, 1)
    return _image(PAPER * (1 - pigment * (wash * inside)[..., None]))


def oil(picture: Image.Image, random: Generator) -> Image.Image:
    """Thick strokes: each point takes the calmest of four neighbourhoods (Kuwahara et al. 1976), lit from
    the side as paint that stands up."""
    size = picture.width
    reach = max(2, round(2 * _unit(size)))
    pixels = _array(picture) + 10 * _noise(size, 1.6, random)[..., None]
    luma = _light(pixels)
    stack = np.concatenate([pixels, luma[..., None], luma[..., None] ** 2], -1)
    means = ndimage.uniform_filter(stack, (reach + 1, reach + 1, 0), mode="nearest")
    corners = [np.roll(means, (down, across), (0, 1)) for down in (-reach, reach) for across in (-reach, reach)]
    unrest = np.stack([corner[..., 4] - corner[..., 3] ** 2 for corner in corners])
    calmest = unrest.argmin(0)[None, ..., None]
    painted = np.take_along_axis(np.stack(corners), calmest, 0)[0, ..., :3]
    grey = painted.mean(-1, keepdims=True)
    vivid = grey + 1.28 * (painted - grey)
    relief = _light(painted) * 0.35 + 3 * _noise(size, 1.2, random)
    shine = ndimage.sobel(relief, 0) + ndimage.sobel(relief, 1)
    return _image(vivid + np.clip(shine, -70, 70)[..., None] * 0.30)


STEP = 36
"""Between two of the few shades that a console of the eighties has for each of red, green and blue."""


def pixel_art(picture: Image.Image, random: Generator) -> Image.Image:
    """Large square pixels in few colours."""
    del random
    size = picture.width
    block = max(2, round(size / 43))
    cells = -(-size // block)
    small = _array(picture.resize((cells, cells), Image.Resampling.BOX))
    grey = small.mean(-1, keepdims=True)
    few = _image(np.round((grey + 1.2 * (small - grey)) / STEP) * STEP)
    return few.resize((cells * block, cells * block), Image.Resampling.NEAREST).crop((0, 0, size, size))


def neon(picture: Image.Image, random: Generator) -> Image.Image:
    """Glowing tubes along the contours, in the colours beside them, before a dim scene."""
    pixels = _array(picture)
    unit = _unit(picture.width)
    lines = np.clip(1.3 * _contour(_light(pixels), 0.7 * unit) - 0.22, 0, 1)
    rim = ndimage.maximum_filter(pixels, (round(3 * unit), round(3 * unit), 1))
    peak, low = rim.max(-1, keepdims=True), rim.min(-1, keepdims=True)
    vivid = (rim - 0.9 * low) / np.maximum(peak - 0.9 * low, 1) * 255
    tubes = lines[..., None] * vivid
    glow = _array(_image(tubes).filter(ImageFilter.GaussianBlur(3.2 * unit)))
    dim = pixels * np.array((0.26, 0.20, 0.34), np.float32)
    flicker = 1 + 0.02 * float(random.standard_normal())
    return _image(dim + flicker * (1.1 * tubes + 1.5 * glow + 60 * lines[..., None] ** 3))


@lru_cache(maxsize=8)
def _cuts(size: int) -> Pixels:
    """The gouge's grooves (size, size), -1 to 1: slightly wavy, nearly level lines."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / _unit(size)
    bend = 2.4 * np.sin(x / 21) + 1.5 * _grain(size, 7 * _unit(size))
    grooves: Pixels = np.sin((y + bend) * 1.65)
    return grooves


def woodcut(picture: Image.Image, random: Generator) -> Image.Image:
    """Black lines carved by tone over two or three flat tints, as in coloured woodblock prints."""
    size = picture.width
    unit = _unit(size)
    pixels = _array(picture)
    soft = np.asarray(ndimage.uniform_filter(pixels, (round(2 * unit), round(2 * unit), 0)))
    luma = _legible(_light(soft))
    grooves = np.roll(_cuts(size), int(random.integers(size)), 1)
    dark = 1 - luma / 255
    key = np.clip((1.30 * dark - 0.66 + 0.42 * grooves) * 5, 0, 1) * (dark > 0.28)
    contour = np.clip(2.6 * _contour(luma, 0.6 * unit) - 0.35, 0, 1)
    brighter = pixels * (luma / np.maximum(_light(pixels), 1))[..., None].clip(1, 3)
    tints = (np.round(brighter / 64) * 64).clip(64, 240)
    paper = PAPER * 0.30 + 0.70 * tints
    black = np.clip(np.maximum(0.86 * key, contour), 0, 1)[..., None]
    return _image(paper * (1 - black) + INK * black)


def photograph(picture: Image.Image, random: Generator) -> Image.Image:
    """A fast film: grain, soft corners, lights that bloom, a warm shadow and a faded white."""
    size = picture.width
    unit = _unit(size)
    soft = _array(picture.filter(ImageFilter.GaussianBlur(0.55 * unit)))
    bloom = _array(picture.filter(ImageFilter.GaussianBlur(5 * unit)))
    pixels = 255 - (255 - soft) * (255 - 0.34 * bloom) / 255
    contrast = 255 / (1 + np.exp(-(pixels - 132) / 46))
    toned = 0.82 * contrast + np.array((22, 15, 18), np.float32)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    corners = 1 - 0.36 * np.clip(np.hypot(x, y) - 0.45, 0, 1)
    grain = 7 * _noise(size, 0.45, random) + 3 * _noise(size, 0, random)
    return _image(toned * corners[..., None] + grain[..., None])


RENDER: dict[str, Callable[[Image.Image, Generator], Image.Image]] = {
    "flat": flat,
    "pencil": pencil,
    "watercolour": watercolour,
    "oil": oil,
    "pixel art": pixel_art,
    "neon": neon,
    "woodcut": woodcut,
    "photograph": photograph,
}
