"""A flood over HTTP, refused before Gradio hears of it: the short form of ``python -m tests.soak.flood``."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.sharing.budget import Allowance
from studio.sharing.roles import Role
from tests.components.serving import Refused, Serving, Tab

REQUESTS, PEOPLE = 200, 5
SIZE, AT_ONCE, OF_ONE = 6, 4, 3


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path, behind_proxy=True, queue_size=SIZE, concurrency=AT_ONCE)
    made.studio.sharing.grant(Allowance(waiting=OF_ONE, work_a_day=0))
    yield made
    made.close()


async def all_at_once(serving: Serving, people: list[Tab]) -> list[tuple[int, int, str]]:
    """Everybody's requests at once: whose, the status and the sentence of each answer."""
    values, event = people[0].values("paint", Steps=150), people[0].event("paint")._id

    async def ask(client: httpx.AsyncClient, number: int) -> tuple[int, int, str]:
        body = {"data": values, "fn_index": event, "session_hash": f"tab{number}"}
        answer = await client.post("/gradio_api/queue/join", json=body)
        return number % PEOPLE, answer.status_code, answer.json().get("detail", "")

    clients = [httpx.AsyncClient(base_url=serving.url, cookies=tab.client.cookies, timeout=60) for tab in people]
    try:
        return await asyncio.gather(*(ask(clients[number % PEOPLE], number) for number in range(REQUESTS)))
    finally:
        for client in clients:
            await client.aclose()


def test_a_flood_is_refused_at_the_door_with_a_sentence_and_a_ceiling_for_everybody(serving: Serving) -> None:
    people = [serving.artist() for _ in range(PEOPLE)]
    with ThreadPoolExecutor(1) as elsewhere:  # a browser's tests may have left a loop in this thread
        answers = elsewhere.submit(asyncio.run, all_at_once(serving, people)).result()
    taken = Counter(person for person, status, _ in answers if status == 200)
    said: list[Any] = [sentence for _, status, sentence in answers if status == 429]
    assert len(answers) == sum(taken.values()) + len(said) == REQUESTS, "no other answer was given"
    assert max(taken.values()) <= OF_ONE
    assert sum(taken.values()) <= SIZE + AT_ONCE
    assert len(taken) > 1, "nobody took all of it"
    assert serving.studio.queue_length <= SIZE
    assert all("runs under way" in sentence or "waiting already" in sentence for sentence in said)


def test_who_has_too_much_under_way_is_told_so_and_others_still_paint(serving: Serving) -> None:
    greedy, other = serving.artist(), serving.artist()
    body = {"data": greedy.values("paint", Steps=150), "fn_index": greedy.event("paint")._id}
    joined = [
        greedy.client.post("/gradio_api/queue/join", json=body | {"session_hash": f"tab{number}"}).status_code
        for number in range(OF_ONE)
    ]
    assert joined == [200] * OF_ONE
    with pytest.raises(Refused, match="You have 3 runs under way: let one finish, or stop one"):
        greedy.do("paint", greedy.values("paint", Steps=1))
    assert other.do("paint", other.values("paint", Steps=1))[0]["state"] == "finished"
    assert greedy.do("stop") == [], "what takes no place is always answered"


def test_one_link_holds_half_of_the_places_whoever_its_people_say_they_are(serving: Serving) -> None:
    token, other = serving.token(Role.ARTIST), serving.artist()
    body = {"data": other.values("paint", Steps=150), "fn_index": other.event("paint")._id}

    def joined(tab: Tab) -> httpx.Response:
        return tab.client.post("/gradio_api/queue/join", json=body | {"session_hash": tab.session})

    answers = [joined(Tab(serving, serving.client(token))) for _ in range(SIZE + AT_ONCE)]
    half = (SIZE + AT_ONCE) // 2
    assert [answer.status_code for answer in answers] == [200] * half + [429] * half
    assert f"{half} pictures are waiting for those with your link" in answers[-1].json()["detail"]
    assert joined(other).status_code == 200


def test_what_waits_beside_the_painting_has_a_ceiling_for_everybody(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    event = serving.artist().event("noised")
    monkeypatch.setattr(event, "fn", lambda *_: go_on.wait(60) and "")
    greedy, other = serving.artist(), serving.artist()

    def joined(tab: Tab) -> httpx.Response:
        body = {"data": [None, 250], "fn_index": event._id, "session_hash": tab.session}
        return tab.client.post("/gradio_api/queue/join", json=body)

    try:
        answers = [joined(greedy) for _ in range(12)]
        assert [answer.status_code for answer in answers] == [200] * 8 + [429] * 4
        assert "8 of your requests are being answered" in answers[-1].json()["detail"]
        assert joined(other).status_code == 200
    finally:
        go_on.set()
    painting = Tab(serving, greedy.client)
    assert painting.do("paint", painting.values("paint", Steps=1))[0]["state"] == "finished"
