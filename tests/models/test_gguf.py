"""Headers of GGUF files: read as far as they are needed, and refused where they claim what is not there."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import UnreadableModel
from studio.models.family import Kind
from studio.models.gguf import read_gguf
from studio.models.scan import describe

U32, F32, STRING, ARRAY = 4, 6, 8, 9


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(path: Path, said: dict[str, tuple[int, bytes]], tensors: dict[str, tuple[int, ...]]) -> bytes:
    """A file in the format's own words, with values already packed and shapes as PyTorch has them."""
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(said))]
    parts += [text(name) + struct.pack("<I", kind) + value for name, (kind, value) in said.items()]
    for name, shape in tensors.items():
        dims = b"".join(struct.pack("<Q", side) for side in reversed(shape))
        parts.append(text(name) + struct.pack("<I", len(shape)) + dims + struct.pack("<IQ", 12, 0))
    path.write_bytes(b"".join(parts) + bytes(64))
    return path.read_bytes()


SAID: dict[str, Any] = {
    "general.architecture": (STRING, text("sdxl")),
    "general.license": (STRING, text("openrail++")),
    "general.file_type": (U32, struct.pack("<I", 7)),
    "scale": (F32, struct.pack("<f", 0.5)),
    "words": (ARRAY, struct.pack("<IQ", STRING, 2) + text("a") + text("bc")),
    "sizes": (ARRAY, struct.pack("<IQ", U32, 3) + bytes(12)),
}


def test_names_shapes_and_texts_are_read(tmp_path: Path) -> None:
    gguf(tmp_path / "a.gguf", SAID, {"conv.weight": (320, 4, 3, 3)})
    header = read_gguf(tmp_path / "a.gguf")
    assert header.tensors["conv.weight"].shape == (320, 4, 3, 3)
    assert header.metadata == {"general.architecture": "sdxl", "general.license": "openrail++"}


def test_the_library_tells_its_family_and_licence(tmp_path: Path) -> None:
    gguf(tmp_path / "a.gguf", SAID, {"unknown.weight": (4, 4)})
    found = describe(tmp_path / "a.gguf")
    assert (found.nature.kind, found.nature.family, found.licence) == (Kind.CHECKPOINT, "SDXL", "openrail++")
    assert not found.paintable


def test_tensors_tell_more_than_the_architecture(tmp_path: Path) -> None:
    gguf(tmp_path / "t5.gguf", {}, {"token_embd.weight": (32128, 4096)})
    assert describe(tmp_path / "t5.gguf").nature.kind == Kind.TEXT_ENCODER


@pytest.mark.parametrize(
    "start",
    [
        b"<htm",
        b"GGUF" + struct.pack("<IQQ", 1, 0, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 2**62, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**62),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", ARRAY, STRING, 2**62),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", ARRAY, U32, 2**62),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 2**62),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**63),
    ],
)
def test_lengths_that_are_not_there_are_refused_at_once(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "a.gguf").write_bytes(start + bytes(100))
    assert describe(tmp_path / "a.gguf").problem


@settings(deadline=None)
@given(st.data())
def test_no_damage_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    content = bytearray(gguf(path, SAID, {"conv.weight": (320, 4, 3, 3)}))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(UnreadableModel):
        read_gguf(path)
