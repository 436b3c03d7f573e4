"""A strip as a moving picture: GIF, WebP or MP4."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio.errors import StudioError, UnreadablePicture

HELD_MS = 1200
"""How long the last frame, the finished picture, stands."""
GIF_TICK_MS = 10
"""GIF counts time in hundredths of a second."""
COLOURS = 255
"""A GIF's palette, less the one place for what stays as it was in the frame before."""
PALETTE_PIXELS = 2**18
"""How many pixels of all frames together the palette is chosen from."""
MOST_PIXELS = 2**28
"""Of all frames of a GIF or WebP, whose encoders hold them in memory together: up to 1 GB. MP4 takes one at a time."""
TOO_LARGE = "This strip has too many and too large frames for one file of this kind: keep it as MP4, or as its frames."
ORDERED = 6
"""Strength of the ordered dither. Its pattern stands still, so that it does not flicker."""


def durations(count: int, frames_per_second: float, tick_ms: int = 1) -> list[int]:
    """Milliseconds for each frame in whole ticks, whose roundings do not add up; the last is held."""
    ends = [round(index * 1000 / frames_per_second / tick_ms) * tick_ms for index in range(count)]
    return [end - start for start, end in itertools.pairwise(ends)] + [HELD_MS]


def repeats(frames_per_second: float) -> int:
    """How many equal frames hold the last picture, where each frame lasts as long as any other."""
    return max(1, round(HELD_MS / 1000 * frames_per_second))


def frames(jpegs: Sequence[bytes]) -> Iterator[Image.Image]:
    """The pictures, one at a time, all as large as the first.

    Raises:
        UnreadablePicture: if one is broken: a run that was opened from a file may hold anything.
    """
    size = size_of(jpegs[0])
    for jpeg in jpegs:
        with _readable(), Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as file:
            picture = file.convert("RGB")
        yield picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _check_size(jpegs: Sequence[bytes]) -> None:
    width, height = size_of(jpegs[0])
    if width * height * len(jpegs) > MOST_PIXELS:
        raise StudioError(TOO_LARGE)


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height, without decoding it.

    Raises:
        UnreadablePicture: if it is no JPEG.
    """
    with _readable(), Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as file:
        return file.size


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadablePicture("A step's picture is broken: this run cannot be exported.") from None


def write_gif(jpegs: Sequence[bytes], path: Path, frames_per_second: float) -> None:
    """One palette for all frames, so that nothing that stands still changes its colour. Frames
    equal to the one before lengthen that one.

    Raises:
        StudioError: if they are too many and too large for the memory they may take.
    """
    _check_size(jpegs)
    palette = _palette(jpegs)
    first, *others = (_dithered(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames(jpegs))
    shown = durations(len(jpegs), frames_per_second, GIF_TICK_MS)
    first.save(path, "GIF", save_all=True, append_images=others, duration=shown, loop=0)


def _palette(jpegs: Sequence[bytes]) -> Image.Image:
    """The colours of all frames; those of the last, which is looked at for longest, count twice."""
    seen = [*jpegs, jpegs[-1]]
    budget = PALETTE_PIXELS // len(seen)
    samples = np.concatenate([_sampled(frame, budget) for frame in frames(seen)])
    return Image.fromarray(samples[None]).quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1)


def _sampled(frame: Image.Image, most: int) -> NDArray[np.uint8]:
    """Pixels (n, 3) spread evenly over a frame."""
    pixels = np.asarray(frame).reshape(-1, 3)
    return pixels[:: -(-len(pixels) // most) | 1]  # odd, lest it fall on the same columns in every row


def _dithered(frame: Image.Image) -> Image.Image:
    """With the Bayer matrix added, so that quantizing makes no bands of smooth ground."""
    pixels = np.asarray(frame, np.float32)
    height, width = pixels.shape[:2]
    pattern = np.tile(ORDERED * BAYER, (-(-height // 8), -(-width // 8)))[:height, :width, None]
    return Image.fromarray((pixels + pattern).round().clip(0, 255).astype(np.uint8))


def _bayer(order: int) -> NDArray[np.int64]:
    if order == 0:
        return np.zeros((1, 1), np.int64)
    half = 4 * _bayer(order - 1)
    return np.block([[half, half + 2], [half + 3, half + 1]])


BAYER = ((_bayer(3) + 0.5) / 64 - 0.5).astype(np.float32)
"""The 8x8 thresholds of ordered dithering, from -0.5 to 0.5."""


def write_webp(jpegs: Sequence[bytes], path: Path, frames_per_second: float) -> None:
    """An animated WebP. Frames equal to the one before lengthen that one.

    Raises:
        StudioError: if they are too many and too large for the memory they may take.
    """
    _check_size(jpegs)
    first, *others = frames(jpegs)
    shown = durations(len(jpegs), frames_per_second)
    first.save(path, "WEBP", save_all=True, append_images=others, duration=shown, loop=0, quality=90, method=4)


def write_mp4(jpegs: Sequence[bytes], path: Path, frames_per_second: float) -> None:
    """A film of the strip, whose last picture is held."""
    write_film(_held(frames(jpegs), repeats(frames_per_second)), path, frames_per_second)


def write_film(pictures: Iterator[Image.Image], path: Path, frames_per_second: float, comment: str = "") -> None:
    """H.264 as browsers and phones play it: 4:2:0, its index at the beginning, and its colours
    said to be BT.709, which players would else have to guess. Pictures are all of one even size.

    Raises:
        StudioError: without PyAV.
        OSError: if it could not be written.
    """
    try:
        import av  # here, since it loads FFmpeg
        from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
    except ImportError:
        raise StudioError("MP4 needs PyAV: install it with pip install av.") from None

    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as file:
        if comment:
            file.metadata["comment"] = comment
        stream = file.add_stream("libx264", Fraction(frames_per_second).limit_denominator(1000))
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "14", "preset": "slow"}
        codec = stream.codec_context
        codec.gop_size = repeats(frames_per_second)  # short, so that one can seek to a step
        codec.colorspace, codec.color_range = Colorspace.ITU709, ColorRange.MPEG
        codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        first = next(pictures)
        stream.width, stream.height = first.size
        for picture in itertools.chain([first], pictures):
            frame = av.VideoFrame.from_image(picture)
            file.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        file.mux(stream.encode())


def _held(pictures: Iterator[Image.Image], times: int) -> Iterator[Image.Image]:
    """In even sizes, with the last one so many times."""
    for picture in pictures:
        last = even(picture)
        yield last
    for _ in range(times - 1):
        yield last


def even(picture: Image.Image) -> Image.Image:
    """With the last column and row doubled where their number is odd."""
    more = picture.height % 2, picture.width % 2
    return Image.fromarray(np.pad(np.asarray(picture), [(0, more[0]), (0, more[1]), (0, 0)], "edge"))
