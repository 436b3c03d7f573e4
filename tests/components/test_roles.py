"""Every route of the server, asked in every role: who is answered is written down here."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from studio import GenerationRequest, Run
from studio.sharing.roles import Role
from tests.components.serving import Serving
from tests.components.test_gate import FOREIGN, asked

REFUSED = (401, 403, 404)
ANYBODY = {"/favicon.ico", "/gradio_api/startup-events", "/robots.txt"}
PAGE = {"/", "/config", "/logout", "/manifest.json", "/theme.css"} | {
    f"/gradio_api/{path}"
    for path in (
        "app_id",
        "cancel",
        "component_server",
        "queue/data",
        "queue/join",
        "reset",
        "run/api_name",
        "theme.css",
        "upload",
        "upload_progress",
    )
}
"""What a browser asks for while somebody paints; files and assets have no name here that there is."""
OWN = {"/owner", "/owner/limits", "/owner/links", "/owner/revoke", "/owner/state"}
TAB = "/gradio_api/heartbeat/session_hash"
"""A tab's stream is whose it was first."""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("roles"), behind_proxy=True)
    yield made
    made.close()


def status(client: httpx.Client, method: str, path: str, **headers: str) -> int:
    """Streams that do not end are only begun."""
    with client.stream(method, path, headers=headers) as answer:
        return answer.status_code


def answered(serving: Serving, client: httpx.Client) -> set[str]:
    """The paths at which there was anything but a refusal."""
    routes = sorted({*asked(serving), ("GET", "/owner")})
    return {path.rstrip("/") or "/" for method, path in routes if status(client, method, path) not in REFUSED}


@pytest.mark.parametrize(
    ("role", "paths"),
    [(None, set()), (Role.WATCHER, set()), (Role.ARTIST, PAGE), (Role.OWNER, PAGE | OWN)],
)
def test_each_role_is_answered_where_it_is_written_down_and_nowhere_else(
    serving: Serving, role: Role | None, paths: set[str]
) -> None:
    run = Run(GenerationRequest(prompt="a secret", seed=77), "user-ada")
    serving.studio.runs.add(run)
    options = {"person": run.owner, "run": run.id} if role is Role.WATCHER else {}
    client = serving.client(serving.token(role, **options) if role else "")
    assert answered(serving, client) - {TAB} == ANYBODY | paths


def test_no_event_has_a_name_for_programs(serving: Serving) -> None:
    owner = serving.client(serving.token(Role.OWNER))
    names = {event["api_name"] for event in owner.get("/config").json()["dependencies"]}
    assert len(names) > 20
    assert {event["api_visibility"] for event in serving.page.config["dependencies"]} == {"private"}
    for name in sorted(names):
        for path in (f"call/{name}", f"call/v2/{name}", f"api/{name}"):
            assert owner.post(f"/gradio_api/{path}", json={"data": []}).status_code == 404


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_page_is_refused_everywhere_even_for_the_owner(serving: Serving, headers: dict[str, str]) -> None:
    owner = serving.client(serving.token(Role.OWNER))
    changing = sorted(route for route in {*asked(serving)} if route[0] not in ("GET", "HEAD"))
    assert len(changing) > 20
    assert {status(owner, *route, **headers) for route in changing} == {403}
