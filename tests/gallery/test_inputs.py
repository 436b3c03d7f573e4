"""Pictures that people bring: kept by their content, brought to one form, or refused."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from studio.errors import UnreadablePicture
from studio.gallery.inputs import Inputs, upright


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path / "inputs")


def gradient(width: int = 40, height: int = 30) -> Image.Image:
    values = np.arange(width * height * 3, dtype=np.uint32).reshape(height, width, 3) * 7 % 256
    return Image.fromarray(values.astype(np.uint8))


def test_a_picture_comes_back_as_it_was_under_the_name_of_its_content(inputs: Inputs) -> None:
    name = inputs.add(gradient())
    assert inputs.get(name).tobytes() == gradient().tobytes()
    assert inputs.add(gradient()) == name
    assert inputs.has(name)
    assert inputs.add(gradient(30, 40)) != name


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_every_usual_kind_of_file_is_read(inputs: Inputs, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    gradient().save(path, kind)
    assert inputs.get(inputs.add_file(path)).size == (40, 30)


def test_a_photograph_is_turned_as_the_camera_held_it(inputs: Inputs, tmp_path: Path) -> None:
    path, exif = tmp_path / "photo.jpg", Image.Exif()
    exif[0x0112] = 6
    gradient().save(path, exif=exif)
    assert inputs.get(inputs.add_file(path)).size == (30, 40)


def test_transparent_places_are_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert upright(clear).getpixel((1, 1)) == (255, 255, 255)
    half = Image.new("LA", (4, 4), (0, 128))
    assert upright(half).getpixel((1, 1)) == pytest.approx((127, 127, 127), abs=1)


def test_sixteen_bits_keep_their_brightness(tmp_path: Path, inputs: Inputs) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 32768, np.uint16)).save(path)
    assert inputs.get(inputs.add_file(path)).getpixel((1, 1)) == pytest.approx((128, 128, 128), abs=1)


@pytest.mark.parametrize(("mode", "kind", "half"), [("I;16B", ">u2", 32768), ("I", "<i4", 32768), ("F", "<f4", 0.5)])
def test_deep_greys_of_every_layout_keep_their_brightness(
    tmp_path: Path, inputs: Inputs, mode: str, kind: str, half: float
) -> None:
    path = tmp_path / "deep.tiff"
    Image.frombytes(mode, (4, 4), np.full((4, 4), half, kind).tobytes()).save(path)
    assert inputs.get(inputs.add_file(path)).getpixel((1, 1)) == pytest.approx((128, 128, 128), abs=1)


def test_a_disk_that_takes_nothing_is_not_taken_for_a_broken_picture(
    tmp_path: Path, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "picture.png"
    gradient().save(path)
    monkeypatch.setattr("studio.gallery.inputs.whole", full)
    with pytest.raises(OSError, match="No space left"):
        inputs.add_file(path)


@given(st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16"]))
def test_every_mode_becomes_plain_colour(mode: str) -> None:
    assert upright(Image.new(mode, (3, 2))).mode == "RGB"


def profile_with_red_and_blue_exchanged() -> bytes:
    """sRGB's ICC profile with the tags of two of its primaries exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_mean_what_their_profile_says(mode: str) -> None:
    picture = Image.new("RGB", (4, 4), (200, 20, 20)).convert(mode)
    assert upright(picture).getpixel((0, 0)) == (200, 20, 20)
    picture.info["icc_profile"] = profile_with_red_and_blue_exchanged()
    red, _, blue = upright(picture).getpixel((0, 0))  # type: ignore[misc]
    assert blue > 3 * red


def test_a_broken_profile_leaves_the_colours() -> None:
    picture = Image.new("RGB", (4, 4), (200, 20, 20))
    picture.info["icc_profile"] = b"no profile"
    assert upright(picture).getpixel((0, 0)) == (200, 20, 20)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"GIF89a\xff\xff\xff\xff"])
def test_what_is_no_picture_is_told(inputs: Inputs, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thing.png"
    path.write_bytes(content)
    with pytest.raises(UnreadablePicture):
        inputs.add_file(path)


def test_absurd_sizes_are_refused_before_their_pixels_are_read(inputs: Inputs, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (9000, 9000)).save(path)
    with pytest.raises(UnreadablePicture, match="too large"):
        inputs.add_file(path)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 63, "0" * 64, "x" * 64])
def test_a_name_that_is_none_finds_nothing(inputs: Inputs, name: str) -> None:
    assert not inputs.has(name)


def test_a_picture_that_is_not_the_one_of_its_name_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    path = tmp_path / "other.png"
    gradient().save(path)
    with pytest.raises(UnreadablePicture, match="not the one"):
        inputs.restore("0" * 64, path.read_bytes())


def test_two_who_bring_the_same_picture_at_once_both_keep_it(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    both, write = threading.Barrier(2, timeout=30), Image.Image.save

    def save(*arguments: Any, **options: Any) -> None:
        both.wait()  # neither has a file that the other could find
        write(*arguments, **options)
        both.wait()

    monkeypatch.setattr(Image.Image, "save", save)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(inputs.add, [gradient(), gradient()])
    assert first == second
    assert inputs.get(first).tobytes() == gradient().tobytes()
    assert [path.name for path in inputs.path(first).parent.iterdir()] == [f"{first}.png"]
