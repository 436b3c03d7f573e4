"""A page served for real, and a real browser to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from components.page import build, launch
from studio import Settings, Studio
from studio.gallery.pictures import LOCAL
from tests.browser.chromium import launched

WAIT_MS = 90_000
expect.set_options(timeout=WAIT_MS)  # a busy machine is slow, not wrong


@dataclass(frozen=True)
class Served:
    """A running studio and the address of its page."""

    studio: Studio
    url: str

    @property
    def outputs(self) -> Path:
        return self.studio.settings.outputs


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = Settings(outputs=tmp_path_factory.mktemp("served"), port=0, device="cpu")
    with Studio(settings) as studio:
        page = build(studio)
        _, url, _ = launch(page, studio, prevent_thread_lock=True, quiet=True)
        yield Served(studio, url)
        page.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="session")
def context(browser: Browser) -> BrowserContext:
    """One for all tests, so that Chromium compiles the page's scripts once; each test leaves nothing stored in it."""
    return browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")


@pytest.fixture
def page(context: BrowserContext, served: Served) -> Iterator[Page]:
    """The page, opened with nothing stored, the engine ready and no runs kept; errors in its console fail the test."""
    for run in served.studio.runs.of(LOCAL):
        run.cancel()
        list(run)
        served.studio.runs.forget(run)
    opened = context.new_page()
    opened.set_default_timeout(WAIT_MS)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(served.url)
    opened.wait_for_selector("#footer b")
    yield opened
    for each in context.pages:
        each.close()  # before it is cleared: pages keep something as they go
    last = context.new_page()
    context.new_cdp_session(last).send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
    last.close()
    assert errors == []
