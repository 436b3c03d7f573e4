"""Films and sounds as a person meets them: chosen, painted, played, looked at step by step, found again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from components.page import build, launch
from studio import Settings, Studio
from tests import tiny_media
from tests.browser.conftest import WAIT_MS

DURATION = "(selector) => document.querySelector(selector)?.duration > 0.4"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    models = tmp_path_factory.mktemp("models")
    tiny_media.wan(models / "wan")
    tiny_media.audioldm2(models / "audioldm2")
    settings = Settings(outputs=tmp_path_factory.mktemp("outputs"), models=(models,), port=0, device="cpu")
    with Studio(settings) as studio:
        studio.library.rescan()
        page = build(studio)
        _, url, _ = launch(page, studio, prevent_thread_lock=True, quiet=True)
        yield url
        page.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    opened = context.new_page()
    opened.set_default_timeout(WAIT_MS)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(address)
    opened.wait_for_selector("#footer b")
    yield opened
    context.close()
    assert errors == []


def choose(page: Page, model: str) -> None:
    page.get_by_role("tab", name="Models").click()
    page.get_by_role("button", name=f"Paint with {model}", exact=True).click()
    expect(page.locator("#model input")).to_have_value(model)


def paint(page: Page, **numbers: int) -> None:
    for name, value in numbers.items():
        page.locator(f"#{name} input").first.fill(str(value))
        page.locator(f"#{name} input").first.press("Tab")
    page.locator("#steps input[type=number]").fill("6")
    page.locator("#steps input[type=number]").press("Tab")
    page.locator("#paint").click()


def top(page: Page, selector: str) -> float:
    return float(page.locator(selector).evaluate("(it) => it.getBoundingClientRect().top"))


def bottom(page: Page, selector: str) -> float:
    return float(page.locator(selector).evaluate("(it) => it.getBoundingClientRect().bottom"))


def shoot(page: Page, name: str) -> None:
    """A picture of the page, where somebody asked for them."""
    if folder := os.environ.get("STEPWISE_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_a_film_is_painted_step_by_step_plays_and_is_found_again(page: Page) -> None:
    choose(page, "wan")
    expect(page.locator("#frames input")).to_have_value("81")
    expect(page.locator("#seconds")).to_be_hidden()
    paint(page, frames=9, width=64, height=64)
    film = page.get_by_label("Film 1 of 1")
    expect(film).to_be_visible(timeout=WAIT_MS)
    page.wait_for_function(DURATION, arg="#stage .sw-clips video")
    shoot(page, "film")
    page.keyboard.press("ArrowLeft")
    expect(film).to_be_hidden()
    strip = page.locator("#stage .sw-main")
    expect(strip).to_be_visible()
    assert strip.evaluate("(image) => image.naturalWidth / image.naturalHeight") == pytest.approx(3, rel=0.05)
    shoot(page, "film-step")
    page.get_by_role("tab", name="Gallery").click()
    page.locator("#gallery .sw-picture-button").first.click()
    page.wait_for_function(DURATION, arg="#gallery .sw-clips video")
    shoot(page, "film-gallery")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download film").click()
    assert download.value.suggested_filename.endswith(".mp4")
    assert b"ftyp" in download.value.path().read_bytes()[:16]


def test_a_sound_is_heard(page: Page) -> None:
    choose(page, "audioldm2")
    expect(page.locator("#width")).to_be_hidden()
    expect(page.locator("#frames")).to_be_hidden()
    paint(page, seconds=1)
    expect(page.get_by_label("Sound 1 of 1")).to_be_visible(timeout=WAIT_MS)
    page.wait_for_function(DURATION, arg="#stage .sw-clips audio")
    expect(page.locator("#stage .sw-main")).to_be_visible()
    assert bottom(page, "#stage .sw-main") <= top(page, "#stage audio"), "the player covers nothing of the spectrogram"
    shoot(page, "sound")
    page.get_by_role("tab", name="Gallery").click()
    page.locator("#gallery .sw-picture-button").first.click()
    expect(page.locator("#gallery .sw-seen img")).to_be_visible()
    expect(page.locator("#gallery audio")).to_be_visible()
    assert bottom(page, "#gallery .sw-seen img") <= top(page, "#gallery audio")
    page.keyboard.press("Escape")
    choose(page, "stepwise-embedded")
    expect(page.locator("#width")).to_be_visible()
    expect(page.locator("#seconds")).to_be_hidden()
