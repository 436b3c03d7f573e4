"""The header of a GGUF file: names and shapes of its tensors and its short texts, nothing loaded.

Ours, and not the ``gguf`` package's, since that one believes every length a file claims. The layout is that of
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

from studio.errors import UnreadableModel
from studio.models.header import MOST_HEADER_BYTES, Header, TensorInfo

_VERSIONS = (2, 3)
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST_TEXT = 4096
_MOST_DIMENSIONS = 8
_BROKEN = "This file is broken or cut off: download it again."


def is_gguf(path: Path) -> bool:
    """Whether a file is one by its name."""
    return path.suffix.lower() == ".gguf"


def read_gguf(path: Path) -> Header:
    """The header of a GGUF file.

    Raises:
        UnreadableModel: if it is not one, or broken.
        OSError: if it cannot be opened.
    """
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise UnreadableModel("This is not a GGUF file, whatever its name says: download it again.")
        return _Reader(file, path.stat().st_size).header()


class _Reader:
    """Reads on from the magic number; what goes beyond the file, or beyond any model's header, is refused."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._end = file, min(size, MOST_HEADER_BYTES)

    def header(self) -> Header:
        if (version := self._number("I")) not in _VERSIONS:
            raise UnreadableModel(f"This is a GGUF file of version {version}, which cannot be read: get a newer one.")
        tensors, texts = self._number("Q"), self._number("Q")
        said = dict(self._entry() for _ in range(texts))
        return Header(dict(self._tensor() for _ in range(tensors)), {name: text for name, text in said.items() if text})

    def _entry(self) -> tuple[str, str]:
        name = self._text()
        return name, self._value(self._number("I"))

    def _value(self, kind: int) -> str:
        """A text; whatever is none is passed over."""
        if kind == _STRING:
            return self._text()
        if kind in _NUMBERS:
            self._skip(struct.calcsize(_NUMBERS[kind]))
        elif kind == _ARRAY:
            inner, count = self._number("I"), self._number("Q")
            if inner in _NUMBERS:
                self._skip(struct.calcsize(_NUMBERS[inner]) * count)
            else:
                self._skip_texts(inner, count)
        else:
            raise UnreadableModel(_BROKEN)
        return ""

    def _skip_texts(self, kind: int, count: int) -> None:
        if kind != _STRING:  # the format allows arrays of arrays, models have none
            raise UnreadableModel(_BROKEN)
        for _ in range(count):
            self._skip(self._number("Q"))

    def _tensor(self) -> tuple[str, TensorInfo]:
        name, dimensions = self._text(), self._number("I")
        if dimensions > _MOST_DIMENSIONS:
            raise UnreadableModel(_BROKEN)
        shape = [self._number("Q") for _ in range(dimensions)]
        kind = self._number("I")
        self._skip(8)
        return name, TensorInfo(f"GGML {kind}", tuple(reversed(shape)))

    def _text(self) -> str:
        length = self._number("Q")
        text = self._read(min(length, _LONGEST_TEXT)).decode(errors="replace")
        self._skip(length - min(length, _LONGEST_TEXT))
        return text

    def _number(self, form: str) -> Any:
        return struct.unpack("<" + form, self._read(struct.calcsize("<" + form)))[0]

    def _read(self, count: int) -> bytes:
        found = self._file.read(count) if self._file.tell() + count <= self._end else b""
        if len(found) != count:
            raise UnreadableModel(_BROKEN)
        return found

    def _skip(self, count: int) -> None:
        if self._file.tell() + count > self._end:
            raise UnreadableModel(_BROKEN)
        self._file.seek(count, 1)
