"""Parts read behind what is painted: kept for who uses them, let go when nobody does."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from studio.models.behind import Behind


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


def test_what_was_read_for_runs_that_never_came_is_let_go(pool: ThreadPoolExecutor) -> None:
    gone: list[str] = []
    behind: Behind[str, str] = Behind(pool, lambda: None, 1, gone.append)
    for name in "abc":
        behind.ready(name, name.upper)
    pool.shutdown()
    behind.settle()
    assert behind.held == ["C"]
    assert gone == ["A", "B"]
    behind.close()
    assert gone == ["A", "B", "C"]


def test_one_that_cannot_be_read_is_told_to_who_asks_and_tried_again(pool: ThreadPoolExecutor) -> None:
    behind: Behind[str, int] = Behind(pool, lambda: None, 1, lambda _: None)
    told: Future[int] = Future()
    behind.ready("a", lambda: int("none"))
    pool.submit(told.set_result, 1)
    told.result()
    behind.settle()
    with pytest.raises(ValueError, match="none"):
        behind.get("a", lambda: 1)
    assert behind.get("a", lambda: 2) == 2
