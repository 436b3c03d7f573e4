"""A link that is ended puts out who came by it, and whom they let watch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from studio.events import Finished, Paused
from studio.sharing.links import DAY_S, Link
from studio.sharing.roles import Role
from tests.components.serving import Serving, Tab

SMALL = {"Width": 64, "Height": 64}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("revoked"), behind_proxy=True)
    yield made
    made.close()


def guest(serving: Serving) -> tuple[Tab, Link]:
    token, link = serving.studio.sharing.links.make(Role.ARTIST, DAY_S)
    return Tab(serving, serving.client(token)), link


def told(line: str) -> dict[str, Any]:
    return dict(json.loads(line.removeprefix("data: "))) if line else {}


def test_who_reads_what_is_painted_is_told_the_end_and_nothing_after_it(serving: Serving) -> None:
    tab, link = guest(serving)
    person = tab.client.get("/config").json()["username"]
    body = {"data": tab.values("paint", Steps=150, **SMALL), "fn_index": tab.event("paint")._id}
    assert tab.client.post("/gradio_api/queue/join", json=body | {"session_hash": tab.session}).status_code == 200
    with tab.client.stream("GET", f"/gradio_api/queue/data?session_hash={tab.session}") as stream:
        lines = stream.iter_lines()
        assert any(told(line).get("msg") == "process_generating" for line in lines)
        assert serving.studio.sharing.links.revoke(link.id)
        after = [message for message in map(told, lines) if message]
    assert after[-1]["msg"] == "unexpected_error"
    assert "expired or was ended" in after[-1]["message"]
    assert "process_completed" not in {message["msg"] for message in after}
    (run,) = serving.studio.runs.of(person)
    assert isinstance(list(run)[-1], Paused)


@pytest.mark.parametrize(("let_in", "painted"), [(False, 1), (True, 3)])
def test_of_a_batch_nothing_further_is_begun(serving: Serving, let_in: bool, painted: int) -> None:
    tab, person = serving.artist(), f"batch-{let_in}"
    values = tab.values("paint", Steps=2, **{"Batch count": 3}, **SMALL)
    asked = gr.Request(
        request=SimpleNamespace(scope={"stepwise.let-in": lambda: let_in}),  # type: ignore[arg-type]
        username=person,
        session_hash=f"batch-{let_in}",
    )
    for _ in tab.event("paint").fn(asked, *values):
        pass
    assert [type(run.last_event) for run in serving.studio.runs.of(person)] == [Finished] * painted


def test_links_to_watch_end_with_the_link_of_who_made_them(serving: Serving) -> None:
    tab, link = guest(serving)
    shown = tab.do("paint", tab.values("paint", Steps=1, **SMALL))[0]
    made = tab.ask("share", session=shown["session"], run=shown["run"])["link"]
    watcher = serving.client()
    place = watcher.get(f"/{made}").headers["location"].removeprefix("..")
    assert watcher.get(place).status_code == 200
    assert serving.studio.sharing.links.revoke(link.id)
    assert watcher.get(place).status_code == 401
    assert watcher.get(f"/{made}").status_code == 404
