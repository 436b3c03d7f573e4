"""What counts of what people bring."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from components import uploads
from components.access import VISITOR, Visitor
from components.uploads import MOST_AT_ONCE, Uploads
from studio.gallery.pictures import LOCAL
from studio.sharing.roles import Role


class Clock:
    """A time that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads what comes, and says that it is good."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> tuple[Uploads, Clock]:
    monkeypatch.setattr(uploads, "MOST_AN_HOUR", 5000)
    monkeypatch.setattr(uploads, "KEPT_FREE", -(2**62))
    clock = Clock()
    return Uploads(reads, clock), clock


def bring(made: Uploads, person: str, size: object, came: int = 3000, **also: str) -> int:
    """The status of the answer to an upload that says it is so long, and of which so much came."""
    named = {"content_length": str(size)} | also
    heads = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]
    scope: dict[str, Any] = {"type": "http", "headers": heads, VISITOR: Visitor(Role.ARTIST, person)}
    answers: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"x" * came, "more_body": False}

    async def send(message: Message) -> None:
        answers.append(message)

    async def asked() -> None:
        await made(scope, receive, send)

    with ThreadPoolExecutor(1) as elsewhere:  # a browser's tests may have left a loop in this thread
        elsewhere.submit(asyncio.run, asked()).result()
    return int(answers[0]["status"])


def test_what_was_brought_an_hour_ago_counts_no_more(brought: tuple[Uploads, Clock]) -> None:
    made, clock = brought
    assert [bring(made, who, 3000) for who in ("ada", "ada", "eve", LOCAL, LOCAL)] == [200, 413, 200, 200, 200]
    clock.now = uploads.HOUR_S + 1
    assert bring(made, "ada", 3000) == 200


def test_what_did_not_come_is_given_back(brought: tuple[Uploads, Clock]) -> None:
    made, _ = brought
    assert [bring(made, "ada", 4000, came=10) for _ in range(3)] == [200] * 3
    assert bring(made, "ada", 5000) == 413


@pytest.mark.parametrize(
    ("size", "coding", "status"),
    [
        (MOST_AT_ONCE + 1, "", 413),
        ("9" * 5000, "", 413),
        ("", "", 411),
        ("-1", "", 411),
        (10, "chunked", 411),  # then it is as long as it likes
    ],
)
def test_how_long_it_is_must_be_said_and_be_no_more_than_a_file(
    brought: tuple[Uploads, Clock], size: object, coding: str, status: int
) -> None:
    assert bring(brought[0], LOCAL, size, transfer_encoding=coding) == status
