"""What pictures made to do harm take, on every way in, and 100,000 infotexts: ``python -m tests.soak.hostile``."""

from __future__ import annotations

import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from studio.errors import UnreadablePicture
from studio.gallery import infotext
from studio.gallery.inputs import Inputs, look
from studio.gallery.pictures import read_infotext
from studio.limits import check
from studio.request import GenerationRequest
from tests.gallery.hostile import CORPUS, mutated, write

INFOTEXTS = 100_000


def refused(path: Path) -> None:
    """In a process of its own: time and memory until it is refused."""
    inputs = Inputs(path.parent / "inputs")
    ways: dict[str, Callable[[Path], object]] = {
        "upload": look,
        "start, mask, lines, map": inputs.add_file,
        "how it works": inputs.read,
        "settings": read_infotext,
        "in a run": lambda file: inputs.restore("0" * 64, file.read_bytes()),
    }
    for name, reader in ways.items():
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        try:
            reader(path)
            print(f"  {name}: ACCEPTED")
        except UnreadablePicture as error:
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            print(
                f"  {name}: refused after {(time.perf_counter() - began) * 1000:.0f} ms, {grown:.0f} MB more: {error}"
            )


def main() -> int:
    """Print a line for every picture, and one for the infotexts."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for name in CORPUS:
            path = write(name, Path(folder))
            print(f"{name} ({path.stat().st_size / 1e6:.1f} MB)", flush=True)
            child = context.Process(target=refused, args=[path])
            child.start()
            child.join()
    chance, began, slowest = random.Random(0), time.perf_counter(), 0.0
    for _ in range(INFOTEXTS):
        text, start = mutated(chance), time.perf_counter()
        check(GenerationRequest(**infotext.to_fields(infotext.parse(text))))
        slowest = max(slowest, time.perf_counter() - start)
    seconds = time.perf_counter() - began
    print(f"{INFOTEXTS:,} infotexts in {seconds:.0f} s, the slowest {slowest * 1000:.0f} ms, none left the limits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
