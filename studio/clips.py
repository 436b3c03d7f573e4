"""Films and sounds: what lies beside the picture that stands for them, under its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio.errors import StudioError
from studio.timeline.animation import even, write_film

FILM, SOUND = ".mp4", ".flac"
SUFFIXES = (FILM, SOUND)


@dataclass(frozen=True, eq=False)
class Film:
    """Pictures one after another."""

    frames: NDArray[np.uint8]
    """(F, H, W, 3)"""
    fps: int
    suffix = FILM

    def write(self, path: Path, comment: str) -> None:
        """As MP4, with a comment.

        Raises:
            OSError: if it could not be written.
        """
        write_film((even(Image.fromarray(frame)) for frame in self.frames), path, self.fps, comment)


@dataclass(frozen=True, eq=False)
class Sound:
    """Samples one after another."""

    samples: NDArray[np.float32]
    """(C, S) from -1 to 1; what is louder is cut off."""
    rate: int
    """Samples a second."""
    suffix = SOUND

    def write(self, path: Path, comment: str) -> None:
        """As FLAC of 16 bits, with a comment.

        Raises:
            StudioError: without PyAV, or for other than one or two channels.
            OSError: if it could not be written.
        """
        try:
            import av  # here, since it loads FFmpeg
        except ImportError:
            raise StudioError("Sounds need PyAV: install it with pip install av.") from None

        layout = {1: "mono", 2: "stereo"}.get(len(self.samples))
        if layout is None:
            raise StudioError("A sound has one channel or two.")
        whole = (self.samples.clip(-1, 1) * np.iinfo(np.int16).max).round().astype(np.int16)
        with av.open(str(path), "w", format="flac") as file:
            file.metadata["comment"] = comment
            stream = file.add_stream("flac", rate=self.rate, layout=layout, format="s16")
            frame = av.AudioFrame.from_ndarray(whole.T.reshape(1, -1), format="s16", layout=layout)
            frame.rate = self.rate
            file.mux(stream.encode(frame))
            file.mux(stream.encode())


Clip = Film | Sound


def beside(picture: Path) -> Path | None:
    """The film or the sound that a picture stands for; None if it is only a picture."""
    return next((clip for suffix in SUFFIXES if (clip := picture.with_suffix(suffix)).is_file()), None)


def remove_clip(picture: Path) -> None:
    """Delete the film or the sound that a picture stands for."""
    if clip := beside(picture):
        clip.unlink(missing_ok=True)


def size_of(picture: Path) -> int:
    """Bytes of a picture's file, and of the film or the sound that it stands for."""
    clip = beside(picture)
    return picture.stat().st_size + (clip.stat().st_size if clip else 0)
