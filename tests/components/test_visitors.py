"""Who is looking, and that nobody sees another's."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from weakref import ref

import gradio as gr
import pytest
import torch

from components.looking import Looking
from components.viewers import MOST_REFUSALS, Viewers
from components.visitors import Visitors
from studio import GenerationRequest, Run, Studio


def request(username: str | None = None, tab: str = "t1") -> Any:
    """What of Gradio's request is read; the gate gives the username."""
    return SimpleNamespace(username=username, session_hash=tab)


def test_who_the_gate_let_in_is_the_owner_of_their_work_everywhere() -> None:
    assert Visitors(public=True).owner(request("user-ada")) == "user-ada"
    assert Visitors(public=False).owner(request("user-ada")) == "user-ada"


def test_without_cookies_every_tab_is_on_its_own() -> None:
    assert Visitors(public=True).owner(request("", tab="t9")) == "tab-t9"


@pytest.mark.parametrize("name", ["user-ada", "browser-0123", "", None, "user-local"])
def test_only_the_owner_may_do_what_is_the_owners(name: str | None) -> None:
    with pytest.raises(gr.Error, match="whoever runs"):
        Visitors(public=True).require_owner(request(name))
    Visitors(public=True).require_owner(request("local"))


def test_at_home_there_is_one_person() -> None:
    assert Visitors(public=False).owner(request()) == "local"


def test_only_a_token_we_gave_stands_for_somebody() -> None:
    visitors = Visitors(public=True)
    token = visitors.admit(request())
    assert visitors.known_as(token) == "tab-t1"
    assert all(visitors.known_as(other) is None for other in ("", token[:-1], None, 3, ["x"]))


@pytest.fixture(scope="module")
def hers(studio: Studio) -> Run:
    run = studio.submit(GenerationRequest(prompt="a secret", model="tiny-v", steps=2, width=64, height=64), "user-ada")
    assert run.result.paths
    return run


def test_nobody_looks_at_anothers_steps(studio: Studio, hers: Run) -> None:
    visitors = Visitors(public=True)
    looking = Looking(studio, visitors)
    ada, eve = visitors.admit(request("user-ada")), visitors.admit(request("user-eve"))
    asked = {"run": hers.id, "index": 1, "view": "x0"}
    assert looking.look(asked | {"session": ada}).startswith("data:image/jpeg")
    assert len(looking.inspect(asked | {"session": ada})["steps"]) == 2
    for session in (eve, "", None):
        stranger = asked | {"session": session}
        assert looking.look(stranger) == ""
        assert looking.inspect(stranger) == {"steps": []}
        assert looking.words(stranger)["words"] == []
        assert looking.versus(stranger | {"other": hers.id}) == {}
        assert looking.rename(stranger | {"name": "mine now"}) == {}
    assert hers.name == ""


def test_a_person_has_one_step_looked_into_at_a_time(
    studio: Studio, hers: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitors = Visitors(public=True)
    looking = Looking(studio, visitors)
    asked = {"session": visitors.admit(request("user-ada")), "run": hers.id, "index": 1}
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(studio, "words", slow)
        first = pool.submit(looking.words, asked)
        assert begun.wait(60)
        assert "wait for it" in looking.words(asked)["message"]
        go_on.set()
        assert "lower the size" in first.result(60)["message"]
    assert looking.words(asked)["words"]


@pytest.mark.parametrize("index", [-1, 2, 1.0, "1", None, True, [], 10**30])
def test_a_step_that_is_none_has_nothing_to_see(studio: Studio, hers: Run, index: object) -> None:
    visitors = Visitors(public=True)
    asked = {"session": visitors.admit(request("user-ada")), "run": hers.id, "index": index, "view": "x0"}
    looking = Looking(studio, visitors)
    assert looking.look(asked) == ""
    assert looking.words(asked)["words"] == []


def test_a_run_is_put_aside_when_its_last_reader_goes() -> None:
    viewers, run = Viewers(), Run(GenerationRequest(), "local")
    with viewers.reading("one", run):
        with viewers.reading("two", run):
            assert viewers.shown("two") is run
        assert not run.abandoned
    assert run.abandoned
    viewers.forget("one")
    assert viewers.shown("one") is None


def test_what_a_tab_looks_at_is_not_kept_for_it() -> None:
    viewers, run = Viewers(), Run(GenerationRequest(), "local")
    viewers.show("one", run)
    assert viewers.shown("one") is run
    gone = ref(run)
    del run
    assert gone() is None
    assert viewers.shown("one") is None


def test_refusals_of_tabs_that_never_come_back_are_remembered_up_to_a_number() -> None:
    viewers = Viewers()
    for tab in range(MOST_REFUSALS + 1):
        viewers.refuse(str(tab), f"refused {tab}")
    assert viewers.refusal("0") is None
    assert viewers.refusal("1") == "refused 1"
    assert viewers.refusal(str(MOST_REFUSALS)) == f"refused {MOST_REFUSALS}"
