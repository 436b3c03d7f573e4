"""Who is looking, and that nobody sees another's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from components.looking import Looking
from components.viewers import Viewers
from components.visitors import COOKIE, Visitors
from studio import GenerationRequest, Run, Studio

NAME = "0123456789abcdef" * 2


def request(username: str | None = None, cookie: str = "", tab: str = "t1") -> Any:
    """What of Gradio's request is read."""
    return SimpleNamespace(username=username, cookies={COOKIE: cookie}, session_hash=tab)


def test_a_login_is_its_own_owner_everywhere() -> None:
    assert Visitors(public=True).owner(request("ada", NAME)) == "user-ada"
    assert Visitors(public=False).owner(request("ada")) == "user-ada"


def test_on_a_public_page_a_browser_keeps_its_runs_over_reloads() -> None:
    visitors = Visitors(public=True)
    assert visitors.owner(request(cookie=NAME, tab="t1")) == visitors.owner(request(cookie=NAME, tab="t2"))
    assert visitors.owner(request(cookie=NAME)) != visitors.owner(request(cookie=NAME[::-1]))


@pytest.mark.parametrize("cookie", ["", "local", "user-ada", "../../x", NAME + "0", NAME.upper()])
def test_a_cookie_that_is_no_name_of_ours_counts_for_nothing(cookie: str) -> None:
    assert Visitors(public=True).owner(request(cookie=cookie, tab="t9")) == "tab-t9"


def test_at_home_there_is_one_person() -> None:
    assert Visitors(public=False).owner(request(cookie=NAME)) == "local"


def test_only_a_token_we_gave_stands_for_somebody() -> None:
    visitors = Visitors(public=True)
    token = visitors.admit(request(cookie=NAME))
    assert visitors.known_as(token) == f"browser-{NAME}"
    assert all(visitors.known_as(other) is None for other in ("", token[:-1], None, 3, ["x"]))


@pytest.fixture(scope="module")
def hers(studio: Studio) -> Run:
    run = studio.submit(GenerationRequest(prompt="a secret", model="tiny-v", steps=2, width=64, height=64), "user-ada")
    assert run.result.paths
    return run


def test_nobody_looks_at_anothers_steps(studio: Studio, hers: Run) -> None:
    visitors = Visitors(public=True)
    looking = Looking(studio, visitors)
    ada, eve = visitors.admit(request("ada")), visitors.admit(request("eve"))
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


@pytest.mark.parametrize("index", [-1, 2, 1.0, "1", None, True, [], 10**30])
def test_a_step_that_is_none_has_nothing_to_see(studio: Studio, hers: Run, index: object) -> None:
    visitors = Visitors(public=True)
    asked = {"session": visitors.admit(request("ada")), "run": hers.id, "index": index, "view": "x0"}
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
