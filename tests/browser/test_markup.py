"""Names, words and errors that are markup, on every page there is: shown as the text they are, and none of it runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from components.page import build, launch
from studio import GenerationRequest, Settings, Studio
from studio.events import Failed
from studio.request import ControlUnit
from studio.sharing.links import DAY_S
from studio.sharing.roles import Role
from tests.browser.conftest import WAIT_MS, Served

RUNS = '<img src=x onerror="window.canary=1">'
CANARY = f'">{RUNS}<script>window.canary=1<\\/script><svg onload="window.canary=1">'
MODEL, CONTROL = f"tiny {RUNS}", f"lines {RUNS}"
SMALL = {"width": 64, "height": 64, "steps": 4}


@pytest.fixture(scope="module")
def hostile(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio on a link whose models are named by markup."""
    folder = tmp_path_factory.mktemp("markup")
    shutil.copytree(models / "tiny-v", folder / MODEL)
    shutil.copytree(models / "tiny-control", folder / CONTROL)
    settings = Settings(models=(folder,), outputs=folder / "outputs", port=0, device="cpu", behind_proxy=True)
    with Studio(settings) as studio:
        page = build(studio)
        _, url, _ = launch(page, studio, prevent_thread_lock=True, quiet=True)
        yield Served(studio, url)
        page.close()


@pytest.fixture
def opened(browser: Browser, hostile: Served) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    yield page
    context.close()


def enter(page: Page, hostile: Served, role: Role, **options: str) -> None:
    token, _ = hostile.studio.sharing.links.make(role, DAY_S, CANARY[:60], **options)
    page.goto(f"{hostile.url}enter/{token}")


def paint(hostile: Served, person: str, prompt: str, model: str = MODEL) -> str:
    """The id of a run that is led by a ControlNet."""
    studio = hostile.studio
    lines = studio.collection.bring(Image.linear_gradient("L").resize((64, 64)), person)
    unit = ControlUnit(model=CONTROL, image=lines)
    run = studio.submit(GenerationRequest(prompt=prompt, model=model, control=(unit,), **SMALL), person)  # type: ignore[arg-type]
    list(run)
    return run.id


def quiet(page: Page) -> bool:
    """Whether nothing ran, and no markup became elements."""
    return bool(page.evaluate("window.canary === undefined && !document.querySelector('img[src=\"x\"]')"))


def test_no_name_word_or_error_becomes_markup_for_an_artist(opened: Page, hostile: Served) -> None:
    enter(opened, hostile, Role.ARTIST)
    opened.wait_for_selector("#footer b")
    opened.reload()  # with the cookie that names the browser
    person = opened.evaluate("window.gradio_config.username")
    paint(hostile, person, CANARY)
    scheduled = paint(hostile, person, f"[{CANARY}:a cat:0.5]")
    failed = hostile.studio.runs.find(paint(hostile, person, CANARY, "stepwise-embedded"), person)
    assert failed is not None
    assert isinstance(failed.last_event, Failed)
    opened.reload()
    expect(opened.locator(".sw-message")).to_contain_text(RUNS)  # the error names model and ControlNet
    assert quiet(opened)
    opened.locator(".sw-row", has_text="[").locator(".sw-open").click()
    expect(opened.locator(".sw-strip li")).to_have_count(4)
    expect(opened.locator(".sw-strip li").first).to_have_attribute("title", f"{CANARY}; led by {CONTROL}")
    opened.locator(".sw-strip li").first.click()
    expect(opened.locator(".sw-words")).to_contain_text(RUNS)
    opened.locator(".sw-row", has_not_text="[").locator(".sw-with").last.click()
    expect(opened.locator(".sw-names")).to_contain_text(RUNS)
    assert quiet(opened)
    opened.keyboard.press("Escape")
    opened.fill("#prompt textarea", CANARY)
    opened.click("#model input")
    expect(opened.locator("li[role=option]", has_text=RUNS)).to_be_visible()
    opened.locator("li[role=option]", has_text=RUNS).click()
    opened.get_by_role("tab", name="Gallery").click()
    opened.get_by_role("button", name="Filters").click()
    expect(opened.locator("#gallery select[name=model]")).to_contain_text(MODEL)
    opened.locator(".sw-picture-button").first.click()
    expect(opened.locator("#gallery .sw-facts")).to_contain_text(MODEL)
    assert quiet(opened)
    assert hostile.studio.runs.find(scheduled, person) is not None


def test_nor_for_a_watcher_or_the_owner(opened: Page, hostile: Served) -> None:
    for model, said in ((MODEL, "painted in"), ("stepwise-embedded", "could not be painted")):
        enter(
            opened, hostile, Role.WATCHER, person="user-ada", run=paint(hostile, "user-ada", f"[{CANARY}:a:0.5]", model)
        )
        expect(opened.locator(".sw-message")).to_contain_text(said)
        assert quiet(opened)
    enter(opened, hostile, Role.OWNER)
    opened.wait_for_selector("#footer b")
    opened.goto(f"{hostile.url}owner/")
    opened.fill("input[name=label]", CANARY[:60])
    opened.click("text=Make a link")
    expect(opened.locator(".sw-links")).to_contain_text(CANARY[:60])
    assert quiet(opened)
