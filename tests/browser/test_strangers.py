"""Two people who paint at the same time in browsers of their own, and a third who watches: nobody sees, stops or
downloads what is another's."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Browser, Page, expect

from studio import Run
from tests.browser.conftest import Served
from tests.browser.test_sharing import WIDE, people, run_of, shared

__all__ = ["people", "shared"]
STILL = re.compile("/assets/|/static/|/svelte/|/heartbeat/")
"""The same for everybody, or never at an end."""
SECRETS = {"ada": "a fox that is a secret of adas", "eve": "an owl that is a secret of eves"}


def begin(page: Page, prompt: str, steps: int) -> None:
    page.fill("#prompt textarea", prompt)
    page.fill("#steps input[type=number]", str(steps))
    page.press("#steps input[type=number]", "Tab")
    page.click("#paint")
    page.wait_for_selector('.sw-stage[data-state="painting"]')


def all_that_came(page: Page) -> list[str]:
    """Everything that a page is sent from now on, as text."""
    came: list[str] = []
    page.on("response", lambda answer: came.append(_text(answer)) if not STILL.search(answer.url) else None)
    return came


def _text(answer: object) -> str:
    try:
        return str(answer.text())  # type: ignore[attr-defined]
    except Exception:  # a stream that has not ended has no text yet
        return ""


def test_mixed_jobs_of_strangers_and_a_watcher(browser: Browser, people: list[Page], shared: Served) -> None:
    ada, eve = people
    begin(ada, SECRETS["ada"], 80)
    begin(eve, SECRETS["eve"], 80)
    hers, eves = run_of(shared, SECRETS["ada"]), run_of(shared, SECRETS["eve"])
    assert not hers.ended
    assert not eves.ended
    eve.keyboard.press("Escape")
    eve.wait_for_selector('.sw-stage[data-state="stopped"]')
    assert not hers.cancel_asked
    ada.wait_for_selector('.sw-stage[data-state="finished"]')
    assert hers.succeeded
    eve.fill("#steps input[type=number]", "4")
    eve.press("#steps input[type=number]", "Tab")
    eve.locator(".sw-strip li").nth(2).click()
    eve.click("#branch")
    eve.wait_for_selector('.sw-stage[data-state="finished"]')
    _sees_only(eve, ["eve"], hers)
    _sees_only(ada, ["ada"], eves)
    ada.get_by_role("tab", name="Create").click()
    ada.locator(".sw-share").click()
    expect(ada.locator("span.sw-told")).to_contain_text("watches this run")
    link = ada.locator(".sw-link").input_value()
    context = browser.new_context(viewport=WIDE)
    watcher = context.new_page()
    watcher.goto(link)
    watcher.wait_for_selector('.sw-stage[data-state="finished"]')
    _sees_only(watcher, [], hers)
    for route in ("gradio_api/queue/join", "gradio_api/component_server", "gradio_api/cancel", "gradio_api/upload"):
        assert (
            watcher.evaluate(f"fetch('/{route}', {{method: 'POST', body: '{{}}'}}).then((answer) => answer.status)")
            == 401
        )
    context.close()


def _sees_only(page: Page, mine: list[str], other: Run) -> None:
    """Reload, look at every part of the page, and ask for the other's by its ids."""
    came = all_that_came(page)
    page.reload()
    page.wait_for_selector(".sw-strip li")
    if mine:
        page.get_by_role("tab", name="Gallery").click()
        expect(page.locator("#gallery .sw-picture-button")).to_have_count(1)
        for asked in ('"look", {index: 1, view: "x0"', '"inspect", {x: 1', '"versus", {other: "x"', '"share", {x: 1'):
            answer = json.dumps(page.evaluate(f'window.stepwise.ask({asked}, run: "{other.id}"}})'))
            assert not any(given in answer for given in ("data:", "enter/", "sigma")), (asked, answer)
    came.append(page.content())
    said = "\n".join(came)
    for name, secret in SECRETS.items():
        assert (secret in said) == (name in mine), name
    if mine:
        assert other.id not in said
    assert str(other.request.seed) not in said
