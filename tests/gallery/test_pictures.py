"""Pictures on disk: whole or not at all, each owner's apart, and files of strangers read with care."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from studio.errors import UnreadablePicture
from studio.gallery.infotext import CHUNK, LONGEST
from studio.gallery.pictures import LOCAL, folder_of, owner_of, read_infotext, save

TEXT = 'a cat, "猫"\nNegative prompt: \nSteps: 20, Seed: 7, Size: 8x8'


def picture() -> Image.Image:
    return Image.new("RGB", (8, 8), "teal")


def with_comment(comment: bytes | int, path: Path, kind: str) -> None:
    """A picture with that UserComment."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    picture().save(path, kind, exif=exif)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def header(width: int, height: int) -> bytes:
    """A PNG that claims this size and ends there."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


def test_a_saved_picture_is_a_png_with_its_infotext(tmp_path: Path) -> None:
    path = save(picture(), TEXT, tmp_path, LOCAL, "abc-7")
    with Image.open(path) as saved:
        assert saved.format == "PNG"
        assert saved.tobytes() == picture().tobytes()
        assert saved.info[CHUNK] == TEXT
    assert read_infotext(path) == TEXT
    assert files(tmp_path) == [path]
    assert path.parent.parent == tmp_path / "txt2img-images"


class Half(Image.Image):
    """A picture that breaks off while it is written, as on a full disk."""

    def save(self, fp: Any, *_arguments: Any, **_options: Any) -> None:
        Path(fp).write_bytes(b"\x89PNG half of it")
        raise OSError(28, "No space left on device")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        save(Half(), TEXT, tmp_path, LOCAL, "abc-7")
    assert files(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no handle on a folder to sync")
@pytest.mark.parametrize("call", [1, 2])
def test_a_picture_that_cannot_be_made_durable_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    handles: list[int] = []

    def fsync(handle: int) -> None:
        handles.append(handle)
        if len(handles) == call:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output"):
        save(picture(), TEXT, tmp_path, LOCAL, "abc-7")
    assert len(handles) == call
    assert files(tmp_path) == []


@pytest.mark.parametrize("owner", ["../../x", "/etc", "..", ".", "", "a\\..\\b", "C:\\x", "nul\0", "a/b"])
def test_an_owners_name_cannot_leave_the_folder(tmp_path: Path, owner: str) -> None:
    path = save(picture(), TEXT, tmp_path, owner, "abc-7").resolve()
    assert path.parent.parent.parent == (tmp_path / "people").resolve()


@given(st.lists(st.text(st.sampled_from("a._/-5f") | st.characters()), min_size=2, max_size=2, unique=True))
def test_no_two_owners_share_a_folder(owners: list[str]) -> None:
    folders = {folder_of(Path("outputs"), owner) for owner in owners}
    assert len(folders) == 2
    assert all(folder.parent == Path("outputs/people") for folder in folders) or LOCAL in owners


@given(st.text(st.sampled_from("a._/-5f") | st.characters()))
def test_the_owner_is_known_from_the_folder(owner: str) -> None:
    assert owner == LOCAL or owner_of(folder_of(Path("outputs"), owner).name) == owner


def test_a_png_without_infotext_has_an_empty_one(tmp_path: Path) -> None:
    picture().save(tmp_path / "plain.png")
    assert read_infotext(tmp_path / "plain.png") == ""


KINDS = pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.webp", "WEBP")])


@KINDS
@pytest.mark.parametrize(
    "comment", [b"UNICODE\0" + TEXT.encode("utf-16-be"), b"ASCII\0\0\0" + TEXT.replace("猫", "?").encode()]
)
def test_a_jpeg_or_webp_has_its_infotext_in_its_exif(tmp_path: Path, name: str, kind: str, comment: bytes) -> None:
    with_comment(comment, tmp_path / name, kind)
    assert read_infotext(tmp_path / name) == (TEXT if comment.startswith(b"U") else TEXT.replace("猫", "?"))


@KINDS
@pytest.mark.parametrize("comment", [b"", b"JIS\0\0\0\0\0a cat", b"UNICODE\0", b"a cat", 7])
def test_a_comment_in_other_letters_is_no_infotext(tmp_path: Path, name: str, kind: str, comment: bytes | int) -> None:
    with_comment(comment, tmp_path / name, kind)
    assert read_infotext(tmp_path / name) == ""


def test_a_comment_is_read_up_to_a_length_and_broken_letters_are_marked(tmp_path: Path) -> None:
    with_comment(b"UNICODE\0" + b"\0a" * (LONGEST + 500), tmp_path / "long.webp", "WEBP")
    assert read_infotext(tmp_path / "long.webp") == "a" * LONGEST
    with_comment(b"UNICODE\0" + b"\0a\xd8\x00\0b", tmp_path / "broken.jpg", "JPEG")
    assert read_infotext(tmp_path / "broken.jpg").encode() == "a\ufffdb".encode()


def whole() -> bytes:
    file = io.BytesIO()
    picture().save(file, "PNG")
    return file.getvalue()


def other_format() -> bytes:
    file = io.BytesIO()
    picture().save(file, "GIF")
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", whole()[:20], whole()[:8] + b"\xff" * 100, other_format(), b"<svg/>"],
    ids=["empty", "signature of gif", "signature", "truncated", "garbage", "gif", "svg"],
)
def test_what_is_no_such_picture_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "offered.png").write_bytes(data)
    with pytest.raises(UnreadablePicture, match="not a PNG, JPEG or WebP"):
        read_infotext(tmp_path / "offered.png")


@pytest.mark.parametrize("side", [8_001, 10_000, 60_000])
def test_a_png_that_claims_an_absurd_size_is_refused_unread(tmp_path: Path, side: int) -> None:
    (tmp_path / "huge.png").write_bytes(header(side, side))
    with pytest.raises(UnreadablePicture, match="too large: at most 64 megapixels"):
        read_infotext(tmp_path / "huge.png")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture):
        read_infotext(tmp_path / "none.png")
