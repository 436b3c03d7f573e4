"""Pictures that are made to do harm, small enough to be uploaded."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from studio.gallery.infotext import CHUNK

SIDE = 65_000
MB = 2**20
REAL = """masterpiece, (a cat:1.2), <lora:rain:0.8>
on a street, Steps: worn
Negative prompt: blurry, bad hands
text
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 2746193, Size: 512x768, Model hash: 6ce0161689, \
Model: v1-5-pruned-emaonly, Denoising strength: 0.5, Schedule type: Karras, Lora hashes: "rain: 1a2b3c", Version: v1"""
PIECES = ("\n", ",", ":", '"', "\\", "\0", "\ud800", "\u2028", "Steps: ", "Size: ", "Seed: -", "9" * 400, "nan", "inf",
          "1e999", "65536x65536", "Negative prompt: ", "Sampler: ", "猫", "<b>", "{}", "[[", "٣")  # fmt: skip


def mutated(chance: random.Random) -> str:
    """A real infotext after a few accidents."""
    text = REAL
    for _ in range(chance.randint(1, 12)):
        at, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        end = min(end, at + chance.randint(0, 40))
        kind = chance.randrange(4)
        if kind == 0:
            text = text[:at] + text[end:]
        elif kind == 1:
            text = text[:at] + chance.choice(PIECES) * chance.choice((1, 1, 1, 50)) + text[at:]
        elif kind == 2:
            text = text[:at] + chr(chance.choice((chance.randrange(128), chance.randrange(0x110000)))) + text[at + 1 :]
        else:
            text = text[:at] + text[at:end] * chance.randint(1, 20) + text[end:]
    return text


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *extra: bytes, data: bytes = b"") -> bytes:
    """A PNG of 1 bit grey with chunks of ours before its pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """Deflated zeros: a thousand times as many as there are bytes."""
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(MB)) for _ in range(count // MB)), packer.flush()])


def gif(frames: int) -> bytes:
    """A picture of 16 x 16 with so many frames."""
    file = io.BytesIO()
    Image.new("P", (16, 16)).save(file, "GIF")
    whole = file.getvalue()
    frame = whole[whole.index(b",", 13) : -1]
    return whole[:-1] + frame * frames + b";"


def jpeg_header() -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    whole = bytearray(file.getvalue())
    at = whole.index(b"\xff\xc0")
    whole[at + 5 : at + 9] = struct.pack(">HH", SIDE, SIDE)
    return bytes(whole)


CORPUS: dict[str, Callable[[], bytes]] = {
    "64k x 64k header": lambda: png(SIDE, SIDE),
    "64k x 64k of zeros": lambda: png(SIDE, SIDE, data=zeros(SIDE * SIDE // 8)),
    "64k x 64k JPEG": jpeg_header,
    "compressed text of 1 GB": lambda: png(8, 8, chunk(b"zTXt", CHUNK.encode() + b"\0\0" + zeros(1024 * MB))),
    "compressed iTXt of 1 GB": lambda: png(8, 8, chunk(b"iTXt", CHUNK.encode() + b"\0\1\0\0\0" + zeros(1024 * MB))),
    "a thousand texts of 1 MB": lambda: png(
        8, 8, *[chunk(b"zTXt", b"k%d\0\0" % n + zlib.compress(bytes(MB - 9))) for n in range(1000)]
    ),
    "colour profile of 1 GB": lambda: png(8, 8, chunk(b"iCCP", b"icc\0\0" + zeros(1024 * MB))),
}
"""All of these are to be refused."""


def write(name: str, folder: Path) -> Path:
    """The file of that name of the corpus."""
    path = folder / "offered"
    path.write_bytes(CORPUS[name]())
    return path
