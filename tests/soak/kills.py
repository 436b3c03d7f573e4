"""The long form of the kills: ``python -m tests.soak.kills [200]``, and with the whole studio painting
``python -m tests.soak.kills 30 painting``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.gallery.crashing import broken, kill_one

LONGEST_S, LONGEST_PAINTING_S = 1.0, 15.0


def main(kills: int, *mode: str) -> int:
    """Kill that many children in one folder; the exit status is 1 as soon as the promise is broken."""
    acknowledged: set[str] = set()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(kills):
            acknowledged |= kill_one(Path(folder), number, LONGEST_PAINTING_S if mode else LONGEST_S, *mode)
            looked_at = (number + 1) % 10 == 0 or number + 1 == kills  # looking at every picture takes a while
            if looked_at and (faults := broken(Path(folder), acknowledged)):
                print(f"after {number + 1} kills:", *faults, sep="\n")
                return 1
    seconds = time.monotonic() - began
    print(f"{kills} kills in {seconds:.0f} s, {len(acknowledged)} pictures acknowledged, all there, none torn")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, *sys.argv[2:]))
