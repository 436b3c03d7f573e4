"""Boxes of whole pixels: which part of a picture is painted, and where it goes back. Pure."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]
"""Width and height in px."""


@dataclass(frozen=True)
class Box:
    """From ``left`` and ``top`` to just before ``right`` and ``bottom``, as Pillow's boxes."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """As Pillow takes it."""
        return self.left, self.top, self.right, self.bottom

    def holds(self, other: Box) -> bool:
        """Whether the other lies within it."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )


def crop_region(masked: Box, padding: int, picture: Size, painted: Size) -> Box:
    """The part of a picture that is painted where only ``masked`` is to change: with ``padding``
    px around it, and in the proportions of ``painted``, as far as the picture reaches."""
    width, height = picture
    left, right = max(masked.left - padding, 0), min(masked.right + padding, width)
    top, bottom = max(masked.top - padding, 0), min(masked.bottom + padding, height)
    wanted_width = max(right - left, -(-(bottom - top) * painted[0] // painted[1]))
    wanted_height = max(bottom - top, -(-(right - left) * painted[1] // painted[0]))
    left, right = _widened(left, right, wanted_width, width)
    top, bottom = _widened(top, bottom, wanted_height, height)
    return Box(left, top, right, bottom)


def _widened(first: int, last: int, length: int, most: int) -> tuple[int, int]:
    """The span grown to ``length`` around its middle, moved to lie within 0 to ``most``."""
    length = min(max(length, last - first), most)
    first = min(max(first - (length - (last - first)) // 2, 0), most - length)
    return first, first + length
