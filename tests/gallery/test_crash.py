"""Killed, or without room on the disk: nothing torn, nothing acknowledged lost, and it works again.

The long form of the kills is ``python -m tests.soak.kills``.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio import GenerationRequest, Studio
from studio.errors import NotSaved
from studio.events import Event, Failed, Finished, Produced, Queued
from studio.gallery.collection import Collection
from studio.run import Run
from tests.gallery.crashing import broken, kill_one
from tests.gallery.faults import Refusing
from tests.gallery.kept import keep, opened

KILLS, LONGEST_S = 20, 0.5
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL, and no handle on a folder to sync")
SMALL: dict[str, Any] = {"model": "tiny-v", "width": 64, "height": 64, "steps": 2}


@posix
def test_killed_at_any_moment_it_keeps_what_it_said_it_kept(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for number in range(KILLS):
        acknowledged |= kill_one(tmp_path, number, LONGEST_S)
        assert broken(tmp_path, acknowledged) == []
    assert len(acknowledged) > KILLS


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


@contextmanager
def no_space(monkeypatch: pytest.MonkeyPatch, collection: Collection, point: str) -> Iterator[None]:
    """A disk that is full when the picture gets to that point."""
    with monkeypatch.context() as patch:
        if point == "row":
            pages = collection.history._connection.execute("PRAGMA page_count").fetchone()[0]
            collection.history._connection.execute(f"PRAGMA max_page_count = {pages}")
            patch.setattr(GenerationRequest, "to_json", lambda _: "x" * 100_000)
        elif point == "commit":
            patch.setattr(collection.history, "_connection", Refusing(collection.history._connection, "COMMIT"))
        elif point.startswith("fsync"):
            patch.setattr(os, "fsync", at_call(int(point[-1]), os.fsync))
        else:
            patch.setattr(
                *{"folder": (Path, "mkdir"), "write": (Image.Image, "save"), "rename": (os, "replace")}[point], full
            )
        yield
    collection.history._connection.execute("PRAGMA max_page_count = 1000000")


def at_call(number: int, real: Callable[[int], None]) -> Callable[[int], None]:
    """A function that fails at that call of it."""
    calls = iter(range(1, 100))
    return lambda handle: full() if next(calls) == number else real(handle)


POINTS = ["folder", "write", "fsync 1", "rename", "fsync 2", "row", "commit"]


@posix
@pytest.mark.parametrize("point", POINTS)
def test_on_a_full_disk_there_is_a_sentence_and_what_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    with opened(tmp_path) as collection:
        before = keep(collection, 1)
        with no_space(monkeypatch, collection, point), pytest.raises(NotSaved, match=r"Free some space.* paint again"):
            keep(collection, 2)
        assert collection.history.page("local") == [before]
        assert list(tmp_path.rglob("*.png*")) == [collection.file(before)]
        after = keep(collection, 3)
        assert collection.history.page("local") == [after, before]
    with opened(tmp_path) as again:
        assert again.history.page("local") == [after, before]


@posix
@pytest.mark.parametrize("point", ["fsync 3", "commit"])  # two for its note in the journal
def test_a_run_whose_picture_cannot_be_kept_fails_with_a_code_and_the_next_works(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    before = studio.collection.history.page("local", count=1)
    with no_space(monkeypatch, studio.collection, point):
        last = list(studio.submit(GenerationRequest(**SMALL)))[-1]
    assert isinstance(last, Failed)
    assert last.code == "not_saved"
    assert studio.collection.history.page("local", count=1) == before
    assert isinstance(list(studio.submit(GenerationRequest(**SMALL)))[-1], Finished)


@posix
def test_a_request_that_cannot_be_noted_down_is_refused_and_the_next_works(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_space(monkeypatch, studio.collection, "fsync 1"), pytest.raises(NotSaved, match="No space left"):
        studio.submit(GenerationRequest(**SMALL))
    assert isinstance(list(studio.submit(GenerationRequest(**SMALL)))[-1], Finished)


@posix
def test_finished_is_said_after_everything_is_on_disk(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Request noted down, then said to wait; picture file synced, put in place, its folder synced, row
    committed; only then is anybody told."""
    calls: list[str] = []

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            result = real(*arguments)
            calls.append(name)
            return result

        return call

    def post(run: Run, event: Event, real: Callable[[Run, Event], None] = Run.post) -> None:
        if isinstance(event, Queued | Produced | Finished):
            calls.append(type(event).__name__)
        real(run, event)

    assert list(studio.submit(GenerationRequest(**SMALL)))
    monkeypatch.setattr(os, "fsync", watched("fsync", os.fsync))
    monkeypatch.setattr(os, "replace", watched("rename", os.replace))
    monkeypatch.setattr(Run, "post", post)
    connection = studio.collection.history._connection
    connection.set_trace_callback(lambda sql: calls.append(sql) if sql == "COMMIT" else None)
    try:
        assert list(studio.submit(GenerationRequest(**SMALL)))
    finally:
        connection.set_trace_callback(None)
    durable = ["fsync", "rename", "fsync"]
    assert calls == [*durable, "Queued", *durable, "COMMIT", "Produced", "Finished"]
