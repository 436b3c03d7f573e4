"""Python's garbage collector, kept away from what stays for good: libraries, page, the embedded model."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_rounds() -> Iterator[None]:
    """While a studio starts the collector rests; what there is then is left out of all its later rounds.

    PyTorch and diffusers alone make a million objects: the rounds over them take a fifth of their import, and each
    later one would stop every thread for half a second, in the middle of a picture or of an answer.
    """
    had = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # once: what a later studio finds may be garbage
            gc.freeze()
        if had:
            gc.enable()
