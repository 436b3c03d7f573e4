"""Scrub, look inside, branch, compare and keep, as a person does it in a real browser."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import torch
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from components.stage import data_uri
from studio import Run
from studio.events import Paused
from studio.gallery.pictures import LOCAL
from studio.timeline import inspector
from tests.browser.conftest import WAIT_MS, Served
from tests.browser.test_page import finished, set_number
from tests.browser.wire import Wire

STEPS = 10
SILENCE_MS = 3_500
"""How long the network is gone."""


def paint(page: Page, served: Served, prompt: str = "a cat on a street at night", steps: int = STEPS) -> Run:
    """Paint, and wait until every step of the strip is decoded."""
    known = len(served.studio.runs.of(LOCAL))
    page.fill("#prompt textarea", prompt)
    set_number(page, "steps", steps)
    page.click("button#paint")
    run = branched(page, served, known + 1)
    expect(page.locator(".sw-strip li")).to_have_count(steps)
    return run


def newest(served: Served) -> Run:
    return served.studio.runs.of(LOCAL)[-1]


def branched(page: Page, served: Served, count: int) -> Run:
    """Wait for the run with that number, for its end, and until the page shows that."""
    expect(page.locator(".sw-row")).to_have_count(count)
    run = newest(served)
    list(run)
    page.wait_for_selector(f'.sw-stage[data-run="{run.id}"][data-state="finished"]')
    return run


def source(page: Page) -> str:
    return str(page.locator(".sw-main").get_attribute("src"))


def test_scrubbing_by_key_mouse_and_slider(page: Page, served: Served) -> None:
    paint(page, served)
    page.focus(".sw-strip")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".sw-step")).to_have_text(f"Step {STEPS - 1} of {STEPS}")
    heard = page.evaluate(
        "document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).ariaLabel"
    )
    assert heard.startswith(f"Step {STEPS - 1}, sigma ")
    page.locator(".sw-strip li").nth(2).click()
    expect(page.locator(".sw-step")).to_have_text(f"Step 3 of {STEPS}")
    page.focus(".sw-scrub")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".sw-step")).to_have_text(f"Step 4 of {STEPS}")
    box = page.locator(".sw-scrub").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 4, box["y"] + box["height"] / 2)
    expect(page.locator(".sw-step")).to_have_text(f"Step 1 of {STEPS}")


def test_scrubbing_by_touch(browser: Browser, page: Page, served: Served) -> None:
    paint(page, served)
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    phone = context.new_page()
    phone.set_default_timeout(WAIT_MS)
    phone.goto(served.url)
    expect(phone.locator(".sw-strip li")).to_have_count(STEPS)
    phone.locator(".sw-strip li").nth(1).tap()
    expect(phone.locator(".sw-step")).to_have_text(f"Step 2 of {STEPS}")
    box = phone.locator(".sw-scrub").bounding_box()
    assert box is not None
    phone.touchscreen.tap(box["x"] + box["width"] - 6, box["y"] + box["height"] / 2)
    expect(phone.locator(".sw-step")).to_have_text(f"Step {STEPS} of {STEPS}")
    context.close()


def test_a_step_is_seen_as_picture_noise_and_change(page: Page, served: Served) -> None:
    paint(page, served)
    page.focus(".sw-strip")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    seen = {source(page)}
    for key, name in (("2", "noise"), ("3", "change")):
        before = source(page)
        page.keyboard.press(key)
        expect(page.locator(".sw-views [aria-checked=true]")).to_have_text(name)
        page.wait_for_function("(before) => document.querySelector('.sw-main').src !== before", arg=before)
        seen.add(source(page))
    assert len(seen) == 3
    page.locator(".sw-strip li").first.click()
    expect(page.get_by_text("Nothing changed yet: this is the first step.")).to_be_visible()
    expect(page.locator(".sw-main")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".sw-main")).to_be_visible()
    expect(page.locator(".sw-none")).to_be_hidden()


def test_a_picture_that_could_not_be_fetched_is_asked_for_again(page: Page, served: Served) -> None:
    change = inspector.picture(paint(page, served).steps, 4, "change")
    assert change
    page.locator(".sw-strip li").nth(4).click()
    page.route("**/component_server/**", lambda route: route.abort())
    with page.expect_event("requestfailed", lambda asked: '"view":"change"' in (asked.post_data or "")):
        page.keyboard.press("3")
    expect(page.locator(".sw-main")).to_have_css("opacity", "0.3")
    page.unroute("**/component_server/**")
    page.keyboard.press("1")
    page.keyboard.press("3")
    expect(page.locator(".sw-main")).to_have_attribute("src", data_uri(change))
    expect(page.locator(".sw-main")).to_have_css("opacity", "1")


def test_single_keys_can_be_switched_off_and_stay_off(page: Page, served: Served) -> None:
    paint(page, served)
    switch = page.get_by_role("button", name="Single keys")
    switch.click()
    page.reload()
    expect(page.locator(".sw-strip li")).to_have_count(STEPS)
    expect(switch).to_have_attribute("aria-pressed", "false")
    page.focus(".sw-strip")
    for key in ("d", "2", "b", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator(".sw-step")).to_have_text(f"Step {STEPS - 1} of {STEPS}")
    expect(page.locator(".sw-views [aria-checked=true]")).to_have_text("picture")
    expect(page.locator("#boards[data-canvas]")).to_have_count(0)
    assert len(served.studio.runs.of(LOCAL)) == 1
    switch.click()
    page.keyboard.press("2")
    expect(page.locator(".sw-views [aria-checked=true]")).to_have_text("noise")


def test_play_goes_through_the_steps_and_rests(page: Page, served: Served) -> None:
    paint(page, served)
    page.select_option(".sw-speed", "30")
    page.focus(".sw-strip")
    page.keyboard.press(" ")
    expect(page.locator(".sw-play")).to_have_text("Rest")
    expect(page.locator(".sw-play")).to_have_text("Play")
    expect(page.locator(".sw-step")).to_have_text(f"Step {STEPS} of {STEPS}")


def test_the_inspector_shows_numbers_pictures_and_words(page: Page, served: Served) -> None:
    run = paint(page, served)
    page.locator(".sw-strip li").nth(4).click()
    expect(page.locator(".sw-which")).to_have_text("step 5")
    expect(page.locator('[data-number="sigma"]')).to_have_text(f"{run.steps[4].sigma:.3g}")
    for view in ("xt", "with", "without", "where"):
        page.wait_for_selector(f'.sw-inside img[data-view="{view}"][src^="data:image/jpeg"]')
    expect(page.locator(".sw-curves polyline[points]")).to_have_count(3)
    assert all(page.locator(".sw-numbers div").nth(index).get_attribute("title") for index in range(5))
    page.click(".sw-ask")
    expect(page.locator(".sw-maps figcaption")).to_have_text(["a", "cat", "on", "a", "street", "at", "night"])
    expect(page.locator(".sw-cost")).to_contain_text("one model call")


def test_a_branch_by_key_changes_the_prompt_from_there(page: Page, served: Served) -> None:
    run = paint(page, served)
    page.locator(".sw-strip li").nth(5).click()
    page.fill("#prompt textarea", "a dog on a street at night")
    page.press("#prompt textarea", "Tab")
    expect(page.locator("#differences")).to_have_text("Prompt: cat → dog")
    page.focus(".sw-strip")
    page.keyboard.press("b")
    branch = branched(page, served, 2)
    assert branch.parent is run
    assert branch.kept == 6
    assert branch.request.prompt == "a dog on a street at night"
    assert all(one is other for one, other in zip(branch.steps[:6], run.steps[:6], strict=True))
    expect(page.locator(".sw-strip li.sw-shared")).to_have_count(6)
    expect(page.locator(".sw-row").nth(1)).to_contain_text("from 6: Prompt: cat → dog")


def test_after_the_last_step_nothing_is_left_to_branch(page: Page, served: Served) -> None:
    expect(page.locator(".sw-no-branch")).to_contain_text("Paint something")
    paint(page, served)
    expect(page.locator("#branch")).to_be_disabled()
    expect(page.locator(".sw-no-branch")).to_contain_text("Nothing is left to paint after the last step")
    page.focus(".sw-strip")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#branch")).to_be_enabled()
    expect(page.locator(".sw-no-branch")).to_be_hidden()


def test_a_step_can_be_looked_inside_while_others_are_painted(page: Page, served: Served) -> None:
    set_number(page, "steps", 150)
    page.click("button#paint")
    page.wait_for_function("""() => document.querySelector('.sw-stage').dataset.state === 'painting'
      && /[0-9]/.test(document.querySelector('[data-number="sigma"]').textContent)""")
    page.click(".sw-stop")
    page.wait_for_selector('.sw-stage[data-state="stopped"]')
    assert len(newest(served).steps) < 150


def test_a_branch_leaves_the_run_that_was_looked_at_when_it_was_asked_for(page: Page, served: Served) -> None:
    first, second = paint(page, served, "a fox", steps=2), paint(page, served, "a dog", steps=2)
    page.locator(".sw-strip li").first.click()
    page.evaluate("""() => {
      const drawn = window.stepwise.drawn, uploaded = new Promise((done) => { window.upload = done; });
      window.stepwise.drawn = async () => { window.asked = true; await uploaded; return drawn(); };
    }""")
    page.click("#branch")
    page.wait_for_function("window.asked")
    page.get_by_role("list", name="Runs").get_by_role("button", name="a fox").first.click()
    expect(page.locator(".sw-stage")).to_have_attribute("data-run", first.id)
    page.evaluate("window.upload()")
    assert branched(page, served, 3).parent is second


def test_a_branch_may_have_more_steps_and_new_noise(page: Page, served: Served) -> None:
    paint(page, served)
    page.locator(".sw-strip li").nth(3).click()
    page.fill("#remaining textarea, #remaining input", "3")
    page.fill("#noise-seed textarea, #noise-seed input", "many")
    page.click("#branch")
    expect(page.get_by_text("Noise seed is a whole number")).to_be_visible()
    page.fill("#noise-seed textarea, #noise-seed input", "11")
    page.click("#branch")
    branch = branched(page, served, 2)
    assert len(branch.steps) == 4 + 3
    assert branch.request.noise_seeds == (11,)


def test_pause_change_and_go_on(page: Page, served: Served) -> None:
    page.fill("#prompt textarea", "a cat on a street")
    set_number(page, "steps", 60)
    page.click("button#paint")
    page.wait_for_function("document.querySelectorAll('.sw-strip li img[src]').length > 3")
    page.click(".sw-pause")
    page.wait_for_selector('.sw-stage[data-state="paused"]')
    assert served.studio.engine is not None
    assert served.studio.engine.runs == []
    paused = newest(served)
    assert paused.paused
    page.fill("#prompt textarea", "a dog on a street")
    page.click(".sw-go")
    went_on = branched(page, served, 2)
    assert went_on.kept == len(paused.steps) < 60
    assert went_on.request.prompt == "a dog on a street"
    assert len(went_on.steps) == 60


def test_a_reload_finds_the_run_and_it_goes_on_by_itself(page: Page, served: Served) -> None:
    page.fill("#prompt textarea", "a cat on a street")
    set_number(page, "steps", 60)
    page.click("#seed-mode label:has-text('Locked')")
    page.click("button#paint")
    page.wait_for_function("document.querySelectorAll('.sw-strip li img[src]').length > 3")
    begun = newest(served)
    page.reload()
    finished(page)
    expect(page.locator(".sw-strip li")).to_have_count(60)
    assert newest(served).root is begun
    assert len(newest(served).steps) == 60
    whole = served.studio.submit(begun.request)
    assert whole.result.paths
    assert torch.equal(whole.steps[-1].latents, newest(served).steps[-1].latents)


def test_a_page_that_is_loaded_anew_has_the_settings_of_its_run_and_the_words_that_stood_there(
    browser: Browser, page: Page, served: Served
) -> None:
    run = paint(page, served, "a {fox|owl} on a street", steps=7)
    page.fill("#prompt textarea", "not painted yet")
    page.reload()
    expect(page.locator("#steps input[type=number]")).to_have_value("7")
    expect(page.locator("#prompt textarea")).to_have_value("not painted yet")
    other = browser.new_page()
    other.goto(served.url)
    expect(other.locator("#steps input[type=number]")).to_have_value("7")
    expect(other.locator("#prompt textarea")).to_have_value("a {fox|owl} on a street")
    expect(other.locator("#differences")).to_contain_text("Unchanged")
    assert newest(served) is run
    other.close()


def test_a_page_that_was_cut_off_catches_up(browser: Browser, page: Page, served: Served) -> None:
    wire = Wire(urlsplit(served.url).port or 0)
    far = browser.new_page()
    far.set_default_timeout(WAIT_MS)
    far.goto(f"http://127.0.0.1:{wire.port}")
    far.wait_for_selector("#footer b")
    set_number(far, "steps", 80)
    far.click("button#paint")
    far.wait_for_function("document.querySelectorAll('.sw-strip li img[src]').length > 3")
    begun = newest(served)
    wire.cut()
    assert any(isinstance(event, Paused) for event in begun), "nobody looks: it is put aside"
    far.wait_for_timeout(SILENCE_MS)
    wire.mend()
    finished(far)
    expect(far.locator(".sw-strip li img[src]")).to_have_count(80)
    assert newest(served).root is begun
    far.close()
    wire.close()


def test_another_tab_sees_the_same_run(browser: Browser, page: Page, served: Served) -> None:
    set_number(page, "steps", 40)
    page.click("button#paint")
    page.wait_for_selector('.sw-stage[data-state="painting"]')
    other = browser.new_page()
    other.set_default_timeout(WAIT_MS)
    other.goto(served.url)
    other.wait_for_selector('.sw-stage[data-state="finished"]')
    expect(other.locator(".sw-strip li")).to_have_count(40)
    finished(page)
    assert len(served.studio.runs.of(LOCAL)) == 1
    other.close()


def test_two_runs_compared_under_a_slider_and_side_by_side(page: Page, served: Served) -> None:
    paint(page, served)
    page.locator(".sw-strip li").nth(4).click()
    page.fill("#prompt textarea", "a dog on a street at night")
    page.press("#prompt textarea", "Tab")
    page.click("#branch")
    branched(page, served, 2)
    page.get_by_role("button", name="Compare with").click()
    expect(page.locator(".sw-names")).to_contain_text("Prompt: dog → cat")
    expect(page.locator(".sw-other")).to_be_visible()
    before = page.locator(".sw-other").get_attribute("style")
    page.focus(".sw-slide")
    page.keyboard.press("ArrowRight")
    assert page.locator(".sw-other").get_attribute("style") != before
    page.click(".sw-beside")
    boxes = [page.locator(name).bounding_box() for name in (".sw-main", ".sw-other")]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    step, shown = page.locator(".sw-step").inner_text(), page.locator(".sw-other").get_attribute("src")
    page.focus(".sw-strip")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".sw-step")).not_to_have_text(step)
    assert page.locator(".sw-other").get_attribute("src") != shown
    page.keyboard.press("Escape")
    expect(page.locator(".sw-other")).to_be_hidden()
    page.get_by_role("button", name="Compare with").click()
    page.locator(".sw-close").press("Enter")
    expect(page.locator(".sw-other")).to_be_hidden()
    expect(page.locator(".sw-strip")).to_be_focused()


def test_a_run_is_named_and_found_again_in_the_tree(page: Page, served: Served) -> None:
    first = paint(page, served)
    page.click(".sw-rename")
    page.fill(".sw-name", "<b>the first</b>")
    page.fill(".sw-note-text", "best whiskers")
    page.keyboard.press("Enter")
    expect(page.locator(".sw-row").first).to_contain_text("<b>the first</b>")
    assert (first.name, first.note) == ("<b>the first</b>", "best whiskers")
    expect(page.locator(".sw-rename")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("second thoughts")
    page.keyboard.press("Escape")
    expect(page.locator(".sw-naming")).to_be_hidden()
    expect(page.locator(".sw-rename")).to_be_focused()
    assert first.name == "<b>the first</b>"
    paint(page, served, "a dog in a forest")
    open_first = page.get_by_role("list", name="Runs").get_by_role("button", name="the first").first
    open_first.press("Enter")
    expect(page.locator('.sw-open[aria-current="true"]')).to_contain_text("the first")
    expect(open_first).to_be_focused()
    page.click(".sw-take")
    expect(page.locator("#prompt textarea")).to_have_value("a cat on a street at night")


def test_name_and_link_are_those_of_the_run_they_were_asked_for(page: Page, served: Served) -> None:
    first, second = paint(page, served, "a fox", steps=2), paint(page, served, "a dog", steps=2)
    page.click(".sw-rename")
    page.fill(".sw-name", "the dog")
    page.click(".sw-share")
    expect(page.locator(".sw-link")).not_to_have_value("")
    page.locator(".sw-open", has_text="a fox").click()
    page.wait_for_selector(f'.sw-stage[data-run="{first.id}"]')
    expect(page.locator(".sw-shared-link")).to_be_hidden()
    page.route("**/component_server/**", lambda route: route.abort())
    page.locator(".sw-naming button").click()
    expect(page.locator(".sw-unnamed")).to_have_text("The studio cannot be reached.")
    page.unroute("**/component_server/**")
    page.locator(".sw-naming button").click()
    expect(page.locator(".sw-row", has_text="the dog")).to_be_visible()
    assert (first.name, second.name) == ("", "the dog")


def test_keys_of_the_stage_are_its_own_alone(page: Page, served: Served) -> None:
    paint(page, served, steps=2)
    page.get_by_role("tab", name="How it works").click()
    page.evaluate("document.activeElement.blur()")
    for key in ("b", "d", " ", "2"):
        page.keyboard.press(key)
    page.get_by_role("tab", name="Create").click()
    expect(page.locator(".sw-play")).to_have_text("Play")
    assert page.locator(".sw-stage").get_attribute("data-view") == "x0"
    assert len(served.studio.runs.of(LOCAL)) == 1


def test_the_keep_menu_by_key(page: Page, served: Served) -> None:
    summary = page.locator(".sw-menu summary")
    assert page.evaluate(
        "(summary) => { summary.focus(); return document.activeElement !== summary; }", summary.element_handle()
    )
    paint(page, served)
    summary.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Run, to open again")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Run, to open again")).to_be_hidden()
    expect(summary).to_be_focused()
    summary.press("Enter")
    with page.expect_download():
        page.get_by_role("button", name="Run, to open again").press("Enter")
    expect(summary).to_be_focused()


def kept(page: Page, kind: str) -> Path:
    """Download what the Keep menu makes."""
    page.click(".sw-menu summary")
    with page.expect_download() as download:
        page.click(f'.sw-menu [data-kind="{kind}"]')
    return Path(download.value.path())


def test_the_strip_is_kept_as_pictures_frames_and_a_video(page: Page, served: Served) -> None:
    paint(page, served)
    for kind, format_name in (("gif", "GIF"), ("webp", "WEBP"), ("sheet", "PNG"), ("tree", "PNG")):
        with Image.open(kept(page, kind)) as picture:
            assert picture.format == format_name
    assert kept(page, "mp4").read_bytes()[4:8] == b"ftyp"
    with zipfile.ZipFile(io.BytesIO(kept(page, "zip").read_bytes())) as archive:
        assert len([name for name in archive.namelist() if name.endswith(".jpg")]) == STEPS


def test_a_kept_run_is_opened_again_and_goes_on_to_the_bit(page: Page, served: Served, tmp_path: Path) -> None:
    run = paint(page, served)
    saved = tmp_path / "mine.stepwise"
    saved.write_bytes(kept(page, "run").read_bytes())
    served.studio.runs.forget(run)
    page.set_input_files('input[type=file][data-testid$="upload-button"] >> nth=1', saved)
    expect(page.locator(".sw-message")).to_have_text("opened from its file")
    opened = newest(served)
    assert opened is not run
    page.wait_for_selector(f'.sw-stage[data-run="{opened.id}"]')
    expect(page.locator(".sw-row")).to_have_count(1)
    expect(page.locator(".sw-strip li")).to_have_count(STEPS)
    page.locator(".sw-strip li").nth(4).click()
    page.click("#branch")
    branch = branched(page, served, 2)
    assert torch.equal(branch.steps[-1].latents, opened.steps[-1].latents)


def test_a_broken_run_file_is_told(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.stepwise"
    broken.write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    page.set_input_files('input[type=file][data-testid$="upload-button"] >> nth=1', broken)
    expect(page.get_by_text("broken or no Stepwise run")).to_be_visible()


def test_words_in_force_are_seen_on_the_strip(page: Page, served: Served) -> None:
    paint(page, served, "a [cat:dog:5] on a street at night")
    expect(page.locator(".sw-strip li").nth(5).locator("b")).to_have_text("words")
    expect(page.locator(".sw-words")).to_have_text("a dog on a street at night")
    page.locator(".sw-strip li").nth(2).click()
    expect(page.locator(".sw-words")).to_have_text("a cat on a street at night")


def test_a_step_is_used_as_start_and_its_noising_is_seen(page: Page, served: Served) -> None:
    first = paint(page, served)
    page.click(".sw-start")
    page.wait_for_selector("#boards[data-canvas]")
    page.fill("#prompt textarea", "a dog on a beach")
    page.click("button#paint")
    expect(page.locator(".sw-row")).to_have_count(2)
    run = newest(served)
    assert run.result.paths
    assert run.request.image
    assert run.root is not first.root
    assert len(run.steps) == 6
    expect(page.locator(".sw-strip li.sw-forward")).to_have_count(4)
    expect(page.locator(".sw-step")).to_have_text("Step 6 of 6")
    page.locator(".sw-strip li").first.click()
    expect(page.locator(".sw-step")).to_have_text("Noising 1 of 4")
    page.click("#side button[role=tab] >> nth=0")
    expect(page.get_by_text("is being noised")).to_be_visible()
    page.locator(".sw-strip li").nth(6).click()
    expect(page.locator(".sw-step")).to_have_text("Step 3 of 6")
    page.fill("#prompt textarea", "a cat on a beach")
    page.press("#prompt textarea", "Tab")
    page.click("#branch")
    branch = branched(page, served, 3)
    assert branch.kept == 3
    assert branch.request.image == run.request.image


def test_a_photograph_is_brought_to_start_from(page: Page, served: Served, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("CMYK", (400, 300), (0, 230, 230, 10)).save(photo)
    page.click(".sw-draw")
    page.set_input_files("#canvas .sw-file", photo)
    expect(page.locator(".sw-measures")).to_contain_text("400 × 300")
    run = paint_from_picture(page, served)
    red, green, blue = served.studio.inputs.get(run.request.image).getpixel((10, 10))  # type: ignore[misc]
    assert red > 2 * green
    assert red > 2 * blue
    assert len(run.steps) == 6


def paint_from_picture(page: Page, served: Served) -> Run:
    set_number(page, "steps", STEPS)
    page.click("button#paint")
    finished(page)
    return newest(served)
