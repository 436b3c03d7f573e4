"""How long looking through 100,000 pictures takes: ``python -m tests.soak.history``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from studio.gallery.history import History
from studio.gallery.kept import Kept
from studio.gallery.search import Search
from tests.gallery.kept import row

COUNT, PAGE, FAR = 100_000, 60, 1_000
THINGS = ("cat", "fox", "dog", "owl", "house", "boat", "tree", "car")
SEARCHES = {
    "everything": Search(),
    "a word in every prompt": Search(text="snow"),
    "two beginnings of words": Search(text="fo sno"),
    "a word in none": Search(text="zebra"),
    "a sampler": Search(sampler="DDIM"),
    "a size that none has": Search(size=(64, 64)),
    "a seed": Search(seed=500),
    "favourites": Search(favourites=True),
}


def rows() -> Iterator[Kept]:
    for number in range(COUNT):
        prompt = f"a {THINGS[number % 8]} in the snow at night, number {number}"
        yield row(number, prompt=prompt, sampler="DDIM" if number % 2 else "Euler a")


def milliseconds(history: History, search: Search, before: int | None) -> float:
    began = time.perf_counter()
    history.page("local", search, before, PAGE)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Print the first page and the thousandth for every kind of search, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder))
        history.add(rows())
        far = (COUNT - PAGE * FAR) * 1_000_000
        for name, search in SEARCHES.items():
            first, thousandth = milliseconds(history, search, None), milliseconds(history, search, far)
            print(f"{name:26} first page {first:5.1f} ms   page {FAR:,} {thousandth:5.1f} ms")
        began = time.perf_counter()
        history.choices("local")
        print(f"what can be filtered by    {(time.perf_counter() - began) * 1000:.0f} ms")
        history.close()


if __name__ == "__main__":
    main()
