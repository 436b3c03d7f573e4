"""What Gradio would keep of tabs that are gone."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from components.leftovers import EVERY_S, MOST_TABS, Leftovers
from tests.components.serving import Serving, Tab


class Clock:
    now = 1.0

    def __call__(self) -> float:
        self.now += EVERY_S
        return self.now


def queue_of(**messages: int) -> Any:
    """What of Gradio's queue is read: tabs, and how many messages wait for each."""
    waiting = {tab: SimpleNamespace(qsize=lambda count=count: count) for tab, count in messages.items()}
    return SimpleNamespace(
        pending_messages_per_session=waiting,
        pending_event_ids_session={tab: {"e"} for tab in messages},
        event_ids_to_events={},
        ANALYTICS_MAX_EVENTS=10_000,
    )


def test_messages_that_nobody_fetches_are_dropped_at_the_second_look() -> None:
    queue = queue_of(gone=3)
    leftovers = Leftovers(queue, Clock())
    leftovers.sweep(())
    assert queue.pending_messages_per_session
    leftovers.sweep(())
    assert not queue.pending_messages_per_session
    assert not queue.pending_event_ids_session


def test_those_of_a_tab_that_listens_or_is_painted_for_stay() -> None:
    queue = queue_of(listens=3, painted=5)
    queue.event_ids_to_events["e"] = SimpleNamespace(session_hash="painted")
    leftovers = Leftovers(queue, Clock())
    for _ in range(3):
        leftovers.sweep({"listens"})
    assert set(queue.pending_messages_per_session) == {"listens", "painted"}


def test_those_that_came_between_two_looks_stay() -> None:
    queue = queue_of(tab=1)
    leftovers = Leftovers(queue, Clock())
    leftovers.sweep(())
    queue.pending_messages_per_session["tab"] = SimpleNamespace(qsize=lambda: 2)
    leftovers.sweep(())
    assert "tab" in queue.pending_messages_per_session


def test_looking_costs_nothing_between_two_looks() -> None:
    queue = queue_of(gone=3)
    leftovers = Leftovers(queue, lambda: 100.0)
    for _ in range(5):
        leftovers.sweep(())
    assert queue.pending_messages_per_session


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("leftovers"), behind_proxy=True)
    yield made
    made.close()


def test_tabs_are_remembered_up_to_a_number(serving: Serving) -> None:
    client = serving.artist().client
    for _ in range(MOST_TABS + 3):
        Tab(serving, client).do("stop")
    assert len(serving.page.state_holder.session_data) <= MOST_TABS


def test_no_table_of_events_gone_by_grows(serving: Serving) -> None:
    tab = serving.artist()
    for _ in range(3):
        tab.do("paint", tab.values("paint", Steps=1))
    assert len(serving.page._queue.event_analytics) <= 1
