"""How a picture comes to the size that is painted: the three ways the web UI names."""

from __future__ import annotations

from PIL import Image, ImageOps

from studio.canvas.geometry import Size

LANCZOS, BILINEAR = Image.Resampling.LANCZOS, Image.Resampling.BILINEAR


def resized(picture: Image.Image, size: Size, mode: str) -> Image.Image:
    """The picture at that size: "Just resize" stretches it, "Crop and resize" keeps its middle,
    "Resize and fill" keeps all of it and draws its edges out to the borders.
    A mask (mode L) is not sharpened: its edges would ring, and grey appear where nothing was drawn.

    Raises:
        KeyError: for another mode.
    """
    if picture.size == size:
        return picture
    ways = {"Just resize": _stretched, "Crop and resize": _cropped, "Resize and fill": _filled}
    return ways[mode](picture, size, BILINEAR if picture.mode == "L" else LANCZOS)


def _stretched(picture: Image.Image, size: Size, by: Image.Resampling) -> Image.Image:
    return picture.resize(size, by)


def _cropped(picture: Image.Image, size: Size, by: Image.Resampling) -> Image.Image:
    return ImageOps.fit(picture, size, by)


def _filled(picture: Image.Image, size: Size, by: Image.Resampling) -> Image.Image:
    """Its outermost rows and columns reach to the borders."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    whole = picture.resize((max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)), by)
    left, top = (size[0] - whole.width) // 2, (size[1] - whole.height) // 2
    right, bottom = size[0] - left - whole.width, size[1] - top - whole.height
    made = Image.new(picture.mode, size)
    for length, at, edge in (
        (left, 0, (0, 0, 1, whole.height)),
        (right, left + whole.width, (whole.width - 1, 0, whole.width, whole.height)),
    ):
        if length:
            made.paste(whole.crop(edge).resize((length, whole.height)), (at, top))
    made.paste(whole, (left, top))
    for length, at, row in ((top, 0, top), (bottom, top + whole.height, top + whole.height - 1)):
        if length:
            made.paste(made.crop((0, row, size[0], row + 1)).resize((size[0], length)), (0, at))
    return made
