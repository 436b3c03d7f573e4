"""Where requests come from, who may ask for what, and how often one may guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.sharing.attempts import Attempts
from studio.sharing.origin import from_this_machine, is_own
from studio.sharing.roles import Role, may

HOST = "studio.example:7860"


@pytest.mark.parametrize(
    ("headers", "safe", "own"),
    [
        ({}, False, True),  # a program: browsers always say more
        ({"origin": f"https://{HOST}", "sec-fetch-site": "same-origin"}, False, True),
        ({"origin": f"HTTPS://{HOST.upper()}"}, False, True),
        ({"origin": "null"}, False, False),
        ({"origin": ""}, False, False),
        ({"origin": "null"}, True, False),
        ({"origin": "https://evil.example"}, False, False),
        ({"origin": "https://studio.example"}, False, False),  # another port is another page
        ({"origin": f"https://{HOST}.evil.example"}, False, False),
        ({"origin": f"https://evil.example/{HOST}"}, False, False),
        ({"origin": f"file://{HOST}"}, False, False),
        ({"origin": "http://["}, False, False),
        ({"origin": "http://[x]/"}, True, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, False, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, True, False),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, True, False),
        ({"sec-fetch-site": "none"}, True, True),
    ],
)
def test_only_this_page_and_programs_change_anything(headers: dict[str, str], safe: bool, own: bool) -> None:
    assert is_own(headers, {HOST}, safe) is own


@pytest.mark.parametrize(
    ("address", "host", "headers", "here"),
    [
        ("127.0.0.1", "127.0.0.1:7860", {}, True),
        ("::1", "[::1]:7860", {}, True),
        ("127.0.0.1", "localhost:7860", {}, True),
        ("192.168.1.5", "127.0.0.1:7860", {}, False),
        ("127.0.0.1", "evil.example", {}, False),  # DNS rebinding
        ("127.0.0.1", "127.0.0.1.evil.example:7860", {}, False),
        ("127.0.0.1", "127.0.0.1:7860", {"x-forwarded-for": "127.0.0.1"}, False),
        ("", "", {}, False),
        ("127.0.0.1", "[", {}, False),
    ],
)
def test_who_sits_at_this_machine(address: str, host: str, headers: dict[str, str], here: bool) -> None:
    assert from_this_machine(address, host, headers) is here


@given(st.text())
def test_a_stranger_and_a_watcher_get_nothing_that_was_not_named(path: str) -> None:
    for asked in (path, f"/{path}", f"/gradio_api/{path}", f"/owner/{path}", f"/config/{path}"):
        assert may(None, asked) <= (
            asked.startswith(("/enter/", "/login", "/robots", "/favicon", "/gradio_api/startup"))
        )
        assert not may(Role.WATCHER, asked) or may(None, asked) or asked.startswith("/watch/")
        assert not may(Role.ARTIST, asked) or not asked.startswith("/owner")


MACHINES = (
    "info openapi.json runs run-history/records proxy=http://x vibe-edit token call/paint api/paint stream/x deep_link"
)


@pytest.mark.parametrize(
    "path", ["/docs", "/openapi.json", "/monitoring", *(f"/gradio_api/{path}" for path in MACHINES.split())]
)
def test_nobody_asks_for_what_the_page_does_not_need(path: str) -> None:
    assert not any(may(role, path) for role in (None, *Role))


def test_guessing_is_stopped_for_a_while_and_for_one_address_only() -> None:
    now = [0.0]
    attempts = Attempts(3, 60.0, lambda: now[0])
    for _ in range(3):
        assert not attempts.wait_s("a")
        attempts.wrong("a")
    assert attempts.wait_s("a") == 60
    assert not attempts.wait_s("b")
    now[0] = 60.0
    assert not attempts.wait_s("a")
