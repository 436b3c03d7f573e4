"""Real browsers with people who must not see each other, one who may only watch, and hostile text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, Page, expect

from components.curves import curves
from components.page import build, launch
from studio import GenerationRequest, Run, Settings, Studio
from studio.sharing.links import DAY_S
from studio.sharing.roles import Role
from tests.browser.conftest import WAIT_MS, Served
from tests.browser.proxy import proxied

CANARY = '"><img src=x onerror="window.canary=1"><script>window.canary=1</script><svg onload="window.canary=1">'
WIDE = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio on a link, where nobody is the owner for their address."""
    settings = Settings(outputs=tmp_path_factory.mktemp("shared"), port=0, device="cpu", behind_proxy=True)
    with Studio(settings) as studio:
        page = build(studio)
        _, url, _ = launch(page, studio, prevent_thread_lock=True, quiet=True)
        yield Served(studio, url)
        page.close()


@pytest.fixture
def people(browser: Browser, shared: Served) -> Iterator[list[Page]]:
    """Two artists, each in a browser of their own, who came in by the same link."""
    token, _ = shared.studio.sharing.links.make(Role.ARTIST, DAY_S)
    contexts = [browser.new_context(viewport=WIDE, color_scheme="dark") for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{shared.url}enter/{token}")
        page.wait_for_selector("#footer b")
        assert token not in page.url
    yield pages
    for context in contexts:
        context.close()


def paint(page: Page, prompt: str) -> None:
    page.fill("#prompt textarea", prompt)
    page.click("button#paint, #paint button")
    page.wait_for_selector('.sw-stage[data-state="finished"]')


def run_of(shared: Served, prompt: str) -> Run:
    return next(run for run in shared.studio.runs._runs.values() if run.request.prompt == prompt)


def test_two_people_see_nothing_of_each_other(people: list[Page], shared: Served) -> None:
    ada, eve = people
    paint(ada, "a fox that is only hers")
    paint(eve, "an owl that is only eves")
    for page in people:
        page.reload()
        page.wait_for_selector('.sw-stage[data-state="finished"]')
        expect(page.locator(".sw-row")).to_have_count(1)
        expect(page.locator("#recent img")).to_have_count(1)
        expect(page.locator(".sw-owner")).to_be_hidden()
    hers, eves = run_of(shared, "a fox that is only hers"), run_of(shared, "an owl that is only eves")
    assert hers.owner != eves.owner
    assert "that is only hers" not in eve.content()
    assert str(hers.request.seed) not in eve.content()
    for asked in ('"look", {index: 1, view: "x0"', '"inspect", {x: 1', '"rename", {name: "mine"', '"share", {x: 1'):
        theirs = eve.evaluate(f'window.stepwise.ask({asked}, run: "{hers.id}"}})')
        assert "data:" not in str(theirs)
        assert "enter/" not in str(theirs)
        assert not (isinstance(theirs, dict) and theirs.get("steps"))
    assert hers.name == ""
    assert eve.evaluate("fetch('owner/').then((answer) => answer.status)") == 404


def test_a_watcher_sees_one_run_live_and_can_do_nothing(browser: Browser, people: list[Page], shared: Served) -> None:
    ada = people[0]
    paint(ada, "a cat to be watched")
    ada.locator(".sw-share").click()
    expect(ada.locator(".sw-told")).to_contain_text("watches this run")
    link = ada.locator(".sw-link").input_value()
    assert urlsplit(link).netloc == urlsplit(shared.url).netloc
    context = browser.new_context(viewport=WIDE, color_scheme="dark")
    watcher = context.new_page()
    errors: list[str] = []
    watcher.on("pageerror", lambda error: errors.append(str(error)))
    watcher.goto(link)
    watcher.wait_for_selector('.sw-stage[data-state="finished"]')
    count = watcher.locator(".sw-strip li").count()
    assert count == run_of(shared, "a cat to be watched").evaluations
    last = watcher.locator(".sw-strip li img").last.get_attribute("src")
    expect(watcher.locator(".sw-main")).to_have_attribute("src", str(last))
    watcher.locator(".sw-strip").focus()
    watcher.keyboard.press("ArrowLeft")
    expect(watcher.locator(".sw-step")).to_have_text(f"Step {count - 1} of {count}")
    for key in ("Escape", "b", "p", "Control+Enter", "2"):
        watcher.keyboard.press(key)
    expect(watcher.locator(".sw-facts")).to_contain_text("DPM++ 2M")
    assert watcher.locator("button:visible").all_inner_texts() == ["Play"]
    assert "a cat to be watched" not in watcher.content()
    for path in ("../../", "../../config", "../../owner/", "../../gradio_api/queue/data?session_hash=x"):
        assert watcher.evaluate(f"fetch('{path}').then((answer) => answer.status)") == 401
    ada.locator(".sw-unshare").click()
    expect(ada.locator(".sw-told")).to_contain_text("Nobody watches")
    watcher.reload()
    expect(watcher.locator("main")).to_contain_text("opens by a link")
    assert errors == []
    context.close()


def test_a_run_is_watched_while_it_is_painted(browser: Browser, shared: Served) -> None:
    run = shared.studio.submit(GenerationRequest(prompt="slow", steps=150, seed=4), "user-ada")
    token, _ = shared.studio.sharing.links.make(Role.WATCHER, DAY_S, person=run.owner, run=run.id)
    pages = [browser.new_context(viewport=WIDE).new_page() for _ in range(2)]
    for page in pages:
        page.goto(f"{shared.url}enter/{token}")
        page.wait_for_selector('.sw-stage[data-state="painting"]')
        # Not by a script: the page's policy lets none but its own run.
        expect(page.locator(".sw-strip li img[src]").nth(3)).to_be_attached()
    run.cancel()
    for page in pages:
        page.wait_for_selector('.sw-stage[data-state="stopped"]')
        page.context.close()


def test_an_artist_sees_which_models_there_are_and_nothing_to_download(people: list[Page]) -> None:
    ada = people[0]
    ada.get_by_role("tab", name="Models").click()
    expect(ada.get_by_role("button", name="Paint with stepwise-embedded", exact=True)).to_be_visible()
    expect(ada.get_by_role("button", name="Get more")).to_have_count(0)
    expect(ada.locator(".sw-m-list summary")).to_have_count(0)
    ada.get_by_role("tab", name="Create").click()


def test_no_markup_runs_wherever_it_is_put(people: list[Page], shared: Served, tmp_path: Path) -> None:
    ada = people[0]
    paint(ada, CANARY)
    ada.locator(".sw-rename").click()
    ada.fill(".sw-name", CANARY[:80])
    ada.fill(".sw-note-text", CANARY)
    ada.locator(".sw-naming button").click()
    expect(ada.locator(".sw-naming")).to_be_hidden()
    picture, note = tmp_path / "<img src=x onerror=window.canary=1>.png", PngInfo()
    note.add_text("parameters", f"{CANARY}\nSteps: 4, Sampler: {CANARY}, Seed: 1, Size: 64x64, Model: {CANARY}")
    Image.new("RGB", (64, 64)).save(picture, pnginfo=note)
    uploads = ada.locator('input[type=file][data-testid$="upload-button"]')
    uploads.nth(0).set_input_files(picture)
    expect(ada.locator("#prompt textarea")).to_have_value(CANARY)
    broken = tmp_path / "<svg onload=window.canary=1>.stepwise"
    broken.write_bytes(b"<script>window.canary=1</script>")
    uploads.nth(1).set_input_files(broken)
    ada.locator(".toast-body, .toast-text").first.wait_for()
    ada.reload()
    ada.wait_for_selector('.sw-stage[data-state="finished"]')
    assert ada.evaluate("window.canary") is None


def test_the_page_works_under_a_path_behind_a_proxy(browser: Browser, tmp_path: Path) -> None:
    settings = Settings(outputs=tmp_path, port=0, device="cpu", behind_proxy=True, root_path="/stepwise")
    with Studio(settings) as studio:
        page = build(studio)
        _, url, _ = launch(page, studio, prevent_thread_lock=True, quiet=True)
        with proxied(urlsplit(url).port or 0) as outside:
            token, _ = studio.sharing.links.make(Role.OWNER, DAY_S)
            context = browser.new_context(viewport=WIDE)
            opened = context.new_page()
            opened.set_default_timeout(WAIT_MS)
            missing: list[str] = []
            opened.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
            opened.goto(f"{outside}enter/{token}")
            assert opened.url == outside
            opened.wait_for_selector("#footer b")
            paint(opened, "a fox under a path")
            opened.click(".sw-owner")
            expect(opened.locator(".sw-owning .sw-facts")).to_contain_text("Memory of the machine")
            expect(opened.get_by_role("img", name="Steps a second: ")).to_be_visible()
            expect(opened.locator(".sw-course li")).to_have_count(len(curves(studio.course.points)))
            opened.fill("input[name=label]", "for eve")
            opened.click("text=Make a link")
            assert opened.locator("code").inner_text().startswith(f"{outside}enter/")
            opened.goto(f"{outside}owner/")
            opened.click('[aria-label="Revoke for eve"]')
            expect(opened.locator(".sw-links")).not_to_contain_text("for eve")
            assert opened.url == f"{outside}owner/"
            assert [url for url in missing if "favicon" not in url] == []
            context.close()
        page.close()
