"""The gate, before a real server: every route and every event, asked by strangers and watchers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection as Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.requests import HTTPConnection
from starlette.types import Message

from components import entering, uploads
from components.access import BROWSER, PASS, Access
from studio import GenerationRequest, Run, Settings
from studio.sharing.attempts import MOST as MOST_TRIES
from studio.sharing.links import DAY_S
from studio.sharing.roles import Role
from studio.sharing.sharing import Sharing
from tests.components.serving import Serving

OPEN = {200, 303, 404}
FOREIGN: list[dict[str, str]] = [
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("gate"), behind_proxy=True)
    yield made
    made.close()


@pytest.fixture
def run(serving: Serving) -> Run:
    made = Run(GenerationRequest(prompt="a secret", seed=77), "user-ada")
    serving.studio.runs.add(made)
    return made


@pytest.fixture
def outsiders(serving: Serving, run: Run) -> list[httpx.Client]:
    """A stranger, a guesser, and the watcher of one run."""
    guesser = serving.client()
    guesser.cookies.set(PASS, "x" * 43)
    watcher = serving.client(serving.token(Role.WATCHER, person=run.owner, run=run.id))
    return [serving.client(), guesser, watcher]


def every(routes: list[Any]) -> Iterator[Any]:
    """Routes and those of the routers among them. Gradio's have their prefix in their path."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        yield from every(inner.routes) if inner else [route]


def asked(serving: Serving) -> Iterator[tuple[str, str]]:
    """Every method and path there is, with a slash at the end and without, and a few that are not."""
    for method, path in _named(serving):
        bare = path.rstrip("/")
        yield from [(method, bare or "/"), (method, f"{bare}/")]


def _named(serving: Serving) -> Iterator[tuple[str, str]]:
    for route in every(serving.page.app.routes):
        path = getattr(route, "path", "/")
        for name in ("path", "path_or_url", "url_path"):
            path = path.replace(f"{{{name}:path}}", "etc/passwd")
        path = path.replace("{", "").replace("}", "")
        for method in getattr(route, "methods", None) or {"GET"}:
            yield method, path
    yield from [("GET", "/owner/"), ("GET", "/owner/state"), ("POST", "/owner/links"), ("POST", "/owner/limits")]
    yield from [("GET", "/watch/0123/"), ("GET", "/watch/0123/events"), ("POST", "/owner/revoke")]


def is_open(path: str) -> bool:
    return path.startswith(("/robots.txt", "/favicon.ico", "/gradio_api/startup-events", "/enter", "/login"))


def test_no_route_answers_a_stranger_or_a_watcher(serving: Serving, outsiders: list[httpx.Client]) -> None:
    routes = {(method, path) for method, path in asked(serving) if not is_open(path)}
    assert len(routes) > 50
    for client in outsiders:
        answers = {route: client.request(*route).status_code for route in routes}
        assert {route: status for route, status in answers.items() if status not in (401, 403, 404, 303)} == {}


def test_no_event_of_the_page_is_done_for_them(serving: Serving, outsiders: list[httpx.Client]) -> None:
    dependencies = serving.page.config["dependencies"]
    assert len(dependencies) > 20
    for client in outsiders:
        for each in dependencies:
            body = {"fn_index": each["id"], "data": [], "session_hash": "abc"}
            for path in ("/gradio_api/queue/join", "/gradio_api/run/predict", "/gradio_api/run/predict/"):
                assert client.post(path, json=body).status_code in (401, 404)
        call = {"component_id": 1, "fn_name": "look", "session_hash": "abc", "data": {}}
        assert client.post("/gradio_api/component_server", json=call).status_code in (401, 404)
        assert client.post("/gradio_api/upload", files={"files": b"x"}).status_code in (401, 404)


def test_an_artist_has_the_page_and_nothing_of_the_machine(serving: Serving) -> None:
    artist = serving.client(serving.token(Role.ARTIST))
    assert artist.get("/").status_code == artist.get("/config").status_code == 200
    hidden = [
        "/owner/",
        "/owner/state",
        "/docs",
        "/openapi.json",
        "/gradio_api/info",
        "/monitoring",
        "/gradio_api/token",
    ]
    hidden += ["/gradio_api/proxy=http://127.0.0.1", "/gradio_api/run-history/records", "/gradio_api/vibe-code"]
    assert [artist.get(path).status_code for path in hidden] == [404] * len(hidden)
    assert artist.post("/owner/links").status_code == 404
    for file in (".sharing/secret", ".sharing/links.json", "inputs"):
        path = serving.studio.settings.outputs / file
        assert artist.get(f"/gradio_api/file={path.resolve()}").status_code in (403, 404)


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_page_changes_nothing(serving: Serving, headers: dict[str, str]) -> None:
    owner = serving.client(serving.token(Role.OWNER))
    before = serving.studio.sharing.links.alive(), serving.studio.sharing.allowance
    for path in (
        "/owner/links",
        "/owner/revoke",
        "/owner/limits",
        "/gradio_api/queue/join",
        "/gradio_api/upload",
        "/login",
    ):
        assert owner.post(path, headers=headers, data={"id": before[0][0].id}).status_code == 403
    assert (serving.studio.sharing.links.alive(), serving.studio.sharing.allowance) == before


def test_a_link_becomes_a_cookie_that_no_script_reads_and_leaves_a_clean_address(serving: Serving) -> None:
    token = serving.token(Role.ARTIST)
    answer = serving.client().get(f"/enter/{token}", headers={"X-Forwarded-Proto": "https"})
    kept = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= set(kept.split("; "))
    assert token not in answer.headers["location"]
    assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")
    page = serving.client(token).get("/")
    assert "HttpOnly" in next(each for each in page.headers.get_list("set-cookie") if each.startswith(BROWSER))
    assert token not in page.text


def test_a_name_that_was_not_given_here_is_nobodys(serving: Serving) -> None:
    artist = serving.client(serving.token(Role.ARTIST))
    given = artist.get("/").cookies[BROWSER]
    person = artist.get("/config").json()["username"]
    assert person.startswith("browser-")
    invented = ["0" * 32, given.partition(".")[0], "0" * 32 + given[32:], given[:-1], f"{given}.", ".", ""]
    for name in invented:
        artist.cookies.set(BROWSER, name, domain=urlsplit(serving.url).hostname or "", path="/")
        assert artist.get("/config").json()["username"] == "", name
    assert BROWSER in artist.get("/").cookies, "and a new one is given"


def test_a_revoked_link_ends_at_once_for_who_came_by_it(serving: Serving) -> None:
    token, link = serving.studio.sharing.links.make(Role.ARTIST, DAY_S)
    artist, owner = serving.client(token), serving.client(serving.token(Role.OWNER))
    assert artist.get("/config").status_code == 200
    assert owner.post("/owner/revoke", data={"id": link.id}).status_code == 303
    assert artist.get("/config").status_code == 401
    refused = artist.get(f"/enter/{token}")
    assert refused.status_code == 404
    assert "ask whoever gave it to you" in refused.text


def test_the_owner_makes_links_and_sets_limits(serving: Serving) -> None:
    owner = serving.client(serving.token(Role.OWNER))
    made = owner.post("/owner/links", data={"label": "<img src=x onerror=alert(1)>"})
    link = made.text.split("<code>")[1].split("</code>")[0]
    assert "<img src=x" not in made.text
    assert serving.client(link.rsplit("/", 1)[1]).get("/").status_code == 200
    assert owner.post("/owner/limits", data={"waiting": 5, "side": 256, "work": 9}).status_code == 303
    assert serving.studio.sharing.allowance.side == 256
    for bad in ("-1", "x", "", "1e9", "9" * 30):
        assert owner.post("/owner/limits", data={"waiting": bad, "side": 1, "work": 1}).status_code == 400
    assert owner.get("/owner/state").json()["waiting"] == []


def test_a_watcher_learns_no_words_and_no_seed(serving: Serving, run: Run) -> None:
    token, link = serving.studio.sharing.links.make(Role.WATCHER, DAY_S, person=run.owner, run=run.id)
    watcher = serving.client(token)
    assert watcher.get(f"/watch/{link.id}/").status_code == 200
    with watcher.stream("GET", f"/watch/{link.id}/events") as stream:
        first = next(stream.iter_text())
    assert '"Sampler":"DPM++ 2M"' in first
    assert "secret" not in first
    assert "77" not in first
    other = serving.studio.sharing.links.make(Role.WATCHER, DAY_S, person="user-eve", run=run.id)[1]
    assert watcher.get(f"/watch/{other.id}/").status_code == 401
    serving.studio.sharing.links.revoke(link.id)
    assert watcher.get(f"/watch/{link.id}/").status_code == 401


def test_a_tabs_events_are_its_owners(serving: Serving) -> None:
    ada, eve = (serving.artist().client for _ in range(2))
    for artist in (ada, eve):
        artist.get("/")
    with ada.stream("GET", "/gradio_api/heartbeat/adas") as mine:
        assert mine.status_code == 200
        with eve.stream("GET", "/gradio_api/heartbeat/adas") as stolen:
            assert stolen.status_code == 403
        assert eve.get("/gradio_api/queue/data?session_hash=adas").status_code == 403


def test_a_password_lets_in_and_guessing_it_does_not_pay(tmp_path: Path) -> None:
    serving = Serving(tmp_path, password="ada:let me in")
    try:
        visitor = serving.client()
        assert visitor.get("/").headers["location"] == "login"
        assert visitor.get("/config").status_code == 401  # this machine's address is not enough then
        assert visitor.post("/login", data={"user": "ada", "password": "let me in"}).status_code == 303
        assert visitor.get("/config").json()["username"] == "user-ada"
        wrong = [("ada", ""), ("ada", "let me i"), ("eve", "let me in"), ("", "")] + [("ada", "x")] * 6
        answers = [visitor.post("/login", data={"user": user, "password": word}).status_code for user, word in wrong]
        assert answers == [401] * 10
        assert visitor.post("/login", data={"user": "ada", "password": "let me in"}).status_code == 429
        assert visitor.get("/enter/x").status_code == 429
        right = serving.token(Role.ARTIST)
        assert visitor.get(f"/enter/{right}").status_code == 303, "who has a link is not who guesses"
    finally:
        serving.close()


def test_all_logins_are_one_link_that_ends_with_the_password(tmp_path: Path) -> None:
    def started(password: str) -> Access:
        return Access(Settings(outputs=tmp_path, password=password), Sharing(tmp_path))

    access = started("ada:let me in")
    first, second = (access.signed_in("ada", "let me in") for _ in range(2))
    assert first is not None
    assert second is not None
    assert len(access.sharing.links.alive()) == 1
    again = started("ada:let me in")
    assert again.sharing.links.find(first) == again.sharing.links.find(second) is not None
    again.sharing.links.revoke(again.sharing.links.alive()[0].id)
    third = again.signed_in("ada", "let me in") or ""
    assert again.sharing.links.find(first) is None, "a link that was revoked does not come back"
    assert again.sharing.links.find(third) is not None
    assert started("ada:let him in").sharing.links.find(third) is None
    assert started("ada:let me in").sharing.links.find(third) is None


@pytest.mark.parametrize("tries", [MOST_TRIES, 0])
def test_wrong_words_are_counted_when_they_are_there_and_no_body_is_read_without_end(
    tmp_path: Path, tries: int
) -> None:
    """Many may have sent the heads of their requests before the first sends its body."""
    settings = Settings(outputs=tmp_path, password="ada:let me in")
    access = Access(settings, Sharing(tmp_path))
    route = next(each for each in entering.routes(access) if each.path == "/login" and "POST" in (each.methods or ()))
    sent, answers = [0], list[Any]()

    async def receive() -> Message:
        for _ in range(tries):
            access.attempts.wrong("10.0.0.9")
        sent[0] += 1
        return {"type": "http.request", "body": b"x" * 1000, "more_body": sent[0] < (1 if tries else 10**6)}

    async def send(message: Message) -> None:
        answers.append(message.get("status"))

    scope = {"type": "http", "method": "POST", "path": "/login", "headers": [], "query_string": b""}
    with ThreadPoolExecutor(1) as elsewhere:  # a browser's tests may have left a loop in this thread
        asked: Any = scope | {"client": ("10.0.0.9", 1), "root_path": ""}

        async def login() -> None:
            await route.app(asked, receive, send)

        elsewhere.submit(asyncio.run, login()).result()
    assert answers[0] == (429 if tries else 413)
    assert sent[0] < 10


def test_nobody_fills_the_disk_with_uploads(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_AN_HOUR", 5000)
    ada, eve = (serving.artist().client for _ in range(2))

    def bring(who: httpx.Client) -> httpx.Response:
        return who.post("/gradio_api/upload", files={"files": ("x.png", b"x" * 3000)})

    assert [bring(ada).status_code, bring(ada).status_code, bring(eve).status_code] == [200, 413, 200]
    monkeypatch.setattr(uploads, "KEPT_FREE", 2**62)
    assert bring(eve).status_code == 507
    assert eve.post("/gradio_api/upload", content=iter([b"x"])).status_code == 411


def begun(serving: Serving, client: httpx.Client, size: int) -> Connection:
    """An upload that says how long it is, and of which nothing comes before the server asks for it."""
    connection = Connection(urlsplit(serving.url).netloc, timeout=60)
    connection.putrequest("POST", "/gradio_api/upload")
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    heads = {"Cookie": cookies, "Content-Type": "multipart/form-data; boundary=x", "Expect": "100-continue"}
    for name, value in (heads | {"Content-Length": str(size)}).items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection


def test_a_request_longer_than_a_file_may_be_is_refused_by_its_head(serving: Serving) -> None:
    connection = begun(serving, serving.artist().client, 2**31)
    assert connection.getresponse().status == 413
    connection.close()


def test_what_was_announced_and_never_came_locks_nobody_out(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_AN_HOUR", 5000)
    ada = serving.artist().client
    connection = begun(serving, ada, 4000)
    assert b"100 Continue" in connection.sock.recv(1000), "it was let in"
    connection.close()
    files = {"files": ("x.png", b"x" * 3000)}
    tries = (ada.post("/gradio_api/upload", files=files).status_code for _ in range(200))
    assert 200 in tries, "as soon as the server has seen that the connection is gone"


@pytest.mark.parametrize("path", ["cancel", "reset", "upload_progress", "reset/"])
def test_no_other_body_is_read_without_end(serving: Serving, path: str) -> None:
    """Chunked, so that its head does not say how long it is."""
    pieces = (b"x" * 2**16 for _ in range(40))
    answer = serving.artist().client.post(f"/gradio_api/{path}", content=pieces)
    assert (answer.status_code, "longer than anything that the page sends" in answer.text) == (413, True)


def test_at_home_nobody_logs_in_but_another_name_for_this_machine_is_not_home(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    try:
        home = serving.client()
        assert home.get("/config").json()["username"] == "local"
        assert home.get("/owner/").status_code == 200
        assert home.get("/config", headers={"Host": "evil.example"}).status_code == 401
        assert home.get("/config", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    finally:
        serving.close()


def test_open_access_has_to_be_asked_for_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    serving = Serving(tmp_path, behind_proxy=True, open_access=True)
    try:
        assert "anybody who has the address" in capsys.readouterr().out
        assert serving.client().get("/config").status_code == 200
        assert serving.client().get("/owner/").status_code == 404
    finally:
        serving.close()


def test_on_a_space_a_person_is_their_name_there_and_its_author_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "ada/stepwise")
    access = Access(Settings(outputs=tmp_path), Sharing(tmp_path))

    def who(name: object) -> tuple[Role, str] | None:
        session = {"oauth_info": {"userinfo": {"preferred_username": name}}} if name else {}
        scope = {"type": "http", "headers": [], "client": ("127.0.0.1", 1), "session": session}
        visitor = access.who(HTTPConnection(scope))
        return (visitor.role, visitor.person) if visitor else None

    assert who("ada") == (Role.OWNER, "local")
    assert who("eve") == (Role.ARTIST, "user-eve")
    assert who("local") == (Role.ARTIST, "user-local")
    assert who(None) == who("../x") == who(3) == (Role.ARTIST, "")
