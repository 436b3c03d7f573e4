"""Who may come in as a program, and with what, before a real server. Nothing is painted here."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import HTTPConnection

from components.access import BROWSER, Access
from components.api import bodies
from studio import GenerationRequest, Run, Settings
from studio.gallery.pictures import LOCAL
from studio.sharing.attempts import MOST as MOST_TRIES
from studio.sharing.roles import PROGRAMS, Role
from studio.sharing.sharing import Sharing
from tests.components.serving import Serving
from tests.components.test_gate import FOREIGN

POSTS = ("txt2img", "img2img", "extra-single-image", "png-info", "interrupt", "skip", "options")
LISTS = ("samplers", "schedulers", "upscalers", "sd-models", "sd-vae", "loras", "embeddings", "prompt-styles")
ROUTES = [("POST", name) for name in POSTS] + [("GET", name) for name in (*LISTS, "progress", "options")]
WRONG = {"enable_hr": True, "image": "", "sd_vae": 3}
"""Refused by every route that takes a payload, once it has been let in."""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("door"), behind_proxy=True, api=True)
    yield made
    made.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def ask(client: httpx.Client, method: str, name: str, **headers: str) -> httpx.Response:
    return client.request(method, f"/sdapi/v1/{name}", json=WRONG if method == "POST" else None, headers=headers)


def statuses(client: httpx.Client, **headers: str) -> set[int]:
    return {ask(client, *route, **headers).status_code for route in ROUTES}


def test_these_are_all_there_are() -> None:
    named = {name for _, name in ROUTES}
    assert all(PROGRAMS.fullmatch(f"/sdapi/v1/{name}") for name in named)
    assert len(named) == PROGRAMS.pattern.count("|") + 1


@pytest.mark.parametrize("role", [Role.OWNER, Role.ARTIST])
def test_a_links_token_lets_a_program_in_and_so_does_its_cookie(serving: Serving, role: Role) -> None:
    token = serving.token(role)
    assert statuses(serving.client(), **bearer(token)) == {200, 422}
    assert statuses(serving.client(token)) == {200, 422}
    for name in ("server-stop", "memory", "refresh-checkpoints", "txt2img/", "../../config"):
        assert ask(serving.client(), "POST", name, **bearer(token)).status_code in (401, 404)


def test_strangers_guessers_and_watchers_get_nothing(serving: Serving) -> None:
    run = Run(GenerationRequest(prompt="a secret", seed=77), "user-ada")
    serving.studio.runs.add(run)
    watch = serving.token(Role.WATCHER, person=run.owner, run=run.id)
    assert statuses(serving.client()) == {401}
    assert statuses(serving.client(watch)) == {401}, "not by the cookie of a watcher either"
    serving.studio.sharing.links.revoke(serving.studio.sharing.links.watching(run.id)[0].id)
    revoked = serving.token(Role.ARTIST)
    link = serving.studio.sharing.links.find(revoked)
    assert link is not None
    serving.studio.sharing.links.revoke(link.id)
    tried = [ask(serving.client(), "GET", "progress", **bearer(token)) for token in (watch, "x" * 43, revoked)]
    assert [(each.status_code, each.headers["www-authenticate"]) for each in tried] == [(401, "Bearer")] * 3
    assert "Say who asks" in tried[0].json()["detail"]
    assert not run.cancel_asked


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_page_is_refused_even_for_the_owner(serving: Serving, headers: dict[str, str]) -> None:
    owner = serving.client(serving.token(Role.OWNER))
    assert {ask(owner, method, name, **headers).status_code for method, name in ROUTES} == {403}


def test_bodies_are_json_and_of_bounded_length(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = serving.client(serving.token(Role.OWNER))
    for name in POSTS:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            posted = owner.post(f"/sdapi/v1/{name}", content=b'{"a": 1}', headers={"Content-Type": kind})
            assert posted.status_code == 415, name
    for name in ("interrupt", "skip"):
        assert owner.post(f"/sdapi/v1/{name}").json() == {}, "without a body there is nothing to be JSON"
    head = {"Content-Type": "application/json"}
    assert owner.post("/sdapi/v1/options", content=b" " * (bodies.MOST_BYTES + 1), headers=head).status_code == 413
    assert owner.post("/sdapi/v1/options", content=iter([b" " * 2**19] * 3), headers=head).status_code == 413
    for broken in (b"[]", b"{", b'{"a": NaN}', b"\xff"):
        assert owner.post("/sdapi/v1/txt2img", content=broken, headers=head).status_code == 422
    monkeypatch.setattr(bodies, "MOST_AT_ONCE", 5)
    assert owner.post("/sdapi/v1/options", json={"a": 1}).status_code == 503
    assert owner.get("/sdapi/v1/options").status_code == 200


def test_a_wrong_method_or_path_is_told_in_json(serving: Serving) -> None:
    owner = serving.client(serving.token(Role.OWNER))
    assert owner.get("/sdapi/v1/txt2img").status_code == 405
    assert owner.get("/sdapi/v1/nothing").json() == {"detail": "There is nothing here."}


def test_the_login_lets_programs_in_and_guessing_does_not_pay(tmp_path: Path) -> None:
    serving = Serving(tmp_path, password="ada:let me in", api=True)
    try:
        program = serving.client()
        assert statuses(program) == {401}
        assert ask(program, "GET", "samplers").headers["www-authenticate"] == "Basic"
        assert statuses(program, **basic("ada", "let me in")) == {200, 422}
        assert len(serving.studio.sharing.links.alive()) <= 1, "it is no login that would be remembered"
        assert ask(program, "GET", "samplers", **bearer(serving.token(Role.ARTIST))).status_code == 200
        wrong = [basic("ada", ""), basic("eve", "let me in"), {"Authorization": "Basic !"}, {"Authorization": "Basic"}]
        tried = [ask(program, "GET", "samplers", **each).status_code for each in (wrong * 3)[:MOST_TRIES]]
        assert tried == [401] * MOST_TRIES
        assert ask(program, "GET", "samplers", **basic("ada", "let me in")).status_code == 429
        assert ask(program, "GET", "samplers", **bearer("guessed")).status_code == 429
        token = bearer(serving.token(Role.ARTIST))
        assert ask(program, "GET", "samplers", **token).status_code == 200, "a right token is never held up"
    finally:
        serving.close()


def test_without_the_option_there_is_nothing_of_it_and_at_home_nobody_needs_a_name(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "off")
    try:
        assert statuses(serving.client()) == {404}
        assert statuses(serving.client(), **bearer(serving.token(Role.OWNER))) == {404}
    finally:
        serving.close()
    serving = Serving(tmp_path / "on", api=True)
    try:
        assert statuses(serving.client()) == {200, 422}
        assert statuses(serving.client(), **basic("left", "over")) == {200, 422}, "as the web UI without a login"
        assert statuses(serving.client(), Host="evil.example") == {401}
        assert {ask(serving.client(), *route, Origin="https://evil.example").status_code for route in ROUTES} == {403}
    finally:
        serving.close()


def test_a_person_is_known_by_link_by_cookie_or_by_address(tmp_path: Path) -> None:
    sharing = Sharing(tmp_path)

    def who(access: Access, address: str = "10.0.0.9", **headers: str) -> str | None:
        sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "headers": sent, "client": (address, 1)}
        visitor = access.program(HTTPConnection(scope))
        return visitor.person if visitor else None

    closed = Access(Settings(outputs=tmp_path, behind_proxy=True, api=True), sharing)
    tokens = {name: sharing.links.make(Role.ARTIST, 60, person=name)[0] for name in ("", "user-ada")}
    link = sharing.links.find(tokens[""])
    assert link is not None
    assert who(closed) is None
    assert who(closed, **bearer(tokens[""])) == f"link-{link.id}"
    assert who(closed, **bearer(tokens["user-ada"])) == "user-ada"
    assert str(who(closed, **bearer(tokens[""]), Cookie=f"{BROWSER}={closed.new_name()}")).startswith("browser-")
    assert who(closed, **bearer(sharing.links.make(Role.OWNER, 60)[0])) == LOCAL
    open_ = Access(dataclasses.replace(closed.settings, open_access=True), sharing)
    here, there = who(open_), who(open_, "10.0.0.10")
    assert here == who(open_)
    assert here != there
    assert str(here).startswith("address-")
    assert "10.0.0" not in f"{here}{there}"
