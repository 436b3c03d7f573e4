"""Previews: x0 as a JPEG, by the linear map at every step and by a real decode when there is time."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from studio.contact_sheet import grid

LONGEST_SIDE = 512
THUMBNAIL = 64
QUALITY = 90
SHARE = 0.03
"""How much of the time of denoising previews may take before none is decoded for real."""

FIRST_GUESS_S = 0.05
"""What a real decode is taken to cost until the run has measured one."""


def to_pixels(decoded: Tensor) -> NDArray[np.uint8]:
    """Pixels (N, H, W, 3) from (N, 3, H, W) of -1 to 1."""
    pixels = decoded.float().add(1).mul(127.5).round().clamp(0, 255).permute(0, 2, 3, 1)
    values: NDArray[np.uint8] = pixels.cpu().numpy().astype(np.uint8)
    return values


def to_pictures(decoded: Tensor) -> list[Image.Image]:
    """RGB pictures from (N, 3, H, W) of -1 to 1."""
    return [Image.fromarray(value) for value in to_pixels(decoded)]


def jpeg(decoded: Tensor, longest: int = LONGEST_SIDE) -> bytes:
    """Pictures (N, 3, h, w) in a grid as one JPEG. Large ones are scaled down to ``longest``
    pixels on their longer side; small ones, such as the linear map makes, stay small: the browser scales
    them up smoothly, and encoding them costs next to nothing."""
    pictures = to_pictures(decoded)
    for picture in pictures:
        picture.thumbnail((longest, longest), Image.Resampling.BICUBIC)
    (width, height), (columns, rows) = pictures[0].size, grid(len(pictures))
    sheet = Image.new("RGB", (width * columns, height * rows))
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % columns * width, index // columns * height))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()


class PreviewBudget:
    """Says when a real decode still fits into the share of the time that previews may take, the
    cheap ones counted in. One for each run."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._spent_s, self._cost_s = 0.0, FIRST_GUESS_S

    def allows(self, elapsed_s: float) -> bool:
        """Whether one more decode, costing what they cost so far, keeps within the share."""
        return self._spent_s + self._cost_s <= self._share * elapsed_s

    def spend(self, seconds: float, decoded: bool) -> None:
        """Note what a preview took, and whether it was a real decode."""
        self._spent_s += seconds
        if decoded:
            self._cost_s = seconds
