"""What is drawn on the canvas beside the stage is what is painted."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from studio import Run
from studio.gallery.pictures import LOCAL
from studio.models.library import EMBEDDED_CONTROL, EMBEDDED_QUICK
from tests.browser.conftest import WAIT_MS, Served
from tests.browser.drawn import Canvas
from tests.browser.test_page import finished, set_number
from tests.browser.test_timeline import branched, newest, paint

LIVE = 'document.querySelector(".sw-delay").textContent'


@pytest.fixture
def canvas(page: Page, served: Served) -> Canvas:
    """The page with its canvas open, empty."""
    drawn = Canvas(page, served.url)
    page.wait_for_selector("#footer b")
    page.click(".sw-draw")
    drawn.wait("new")
    return drawn


def choose(canvas: Canvas, layer: str) -> None:
    canvas.page.click(f".sw-layers label:has-text('{layer}')")


def draw_house(canvas: Canvas) -> None:
    """At 128 px."""
    choose(canvas, "Lines")
    canvas.stroke((34, 60), (34, 110), (94, 110), (94, 60))
    canvas.stroke((28, 60), (64, 28), (100, 60), (28, 60))


def painted(canvas: Canvas, served: Served, prompt: str, count: int = 1, steps: int = 8) -> Run:
    page = canvas.page
    page.fill("#prompt textarea", prompt)
    set_number(page, "steps", steps)
    page.click("button#paint")
    return branched(page, served, count)


def pixels(run: Run) -> NDArray[np.int16]:
    return np.asarray(run.result.images[0], np.int16)


def test_an_empty_canvas_says_how_to_begin_and_has_nothing_to_undo(canvas: Canvas) -> None:
    expect(canvas.page.locator(".sw-blank")).to_be_visible()
    expect(canvas.page.locator('[data-command="undo"]')).to_be_disabled()
    canvas.stroke((34, 60), (34, 110))
    expect(canvas.page.locator(".sw-blank")).to_be_hidden()


def test_drawn_lines_lead_the_picture(canvas: Canvas, served: Served) -> None:
    draw_house(canvas)
    run = painted(canvas, served, "a house in a meadow")
    (unit,) = run.request.control
    assert unit.model == EMBEDDED_CONTROL
    assert not run.request.image
    lines = np.asarray(served.studio.inputs.get(unit.image).convert("L"))
    assert lines.shape == (128, 128)
    assert lines[85, 34] > 200
    assert lines[85, 64] == 0
    strip = canvas.page.locator(".sw-strip li")
    expect(strip.first).to_have_attribute("aria-label", re.compile("led by stepwise-lines"))
    expect(canvas.page.locator(".sw-strip i")).to_have_count(8)


def test_a_control_net_acts_for_some_of_the_steps(canvas: Canvas, served: Served) -> None:
    draw_house(canvas)
    canvas.page.click("#controls .label-wrap")
    set_number(canvas.page, "end-0", 0.5)
    run = painted(canvas, served, "a house in a meadow")
    assert run.request.control[0].end == 0.5
    expect(canvas.page.locator(".sw-strip li:has(i:not([hidden]))")).to_have_count(4)


def test_put_away_the_canvas_is_not_used_and_nothing_of_it_is_lost(canvas: Canvas, served: Served) -> None:
    draw_house(canvas)
    canvas.page.click(".sw-draw")
    assert painted(canvas, served, "a house").request.control == ()
    canvas.page.click(".sw-draw")
    assert painted(canvas, served, "a house", 2).request.control


def test_what_a_mask_leaves_out_stays_to_the_pixel(canvas: Canvas, served: Served) -> None:
    page = canvas.page
    page.click(".sw-draw")
    before = paint(page, served, "a cat in a meadow")
    page.click(".sw-start")
    canvas.wait("open")
    choose(canvas, "Mask")
    canvas.stroke((50, 60), (78, 60), (50, 80), (78, 80), (50, 100), (78, 100))
    page.click("#mask-settings .label-wrap")
    run = painted(canvas, served, "a dog in a meadow", 2, steps=10)
    assert run.request.inpaint is not None
    different = np.abs(pixels(run) - np.asarray(served.studio.inputs.get(run.request.image), np.int16)).max(2) > 0
    assert different[60:100, 52:76].mean() > 0.7
    assert not different[:, :8].any()
    assert not different[:8].any()
    assert before.root is not run.root
    expect(page.locator(".sw-strip li.sw-forward")).to_have_count(run.request.skipped)


def test_a_mask_without_a_picture_is_told_and_stays(canvas: Canvas) -> None:
    choose(canvas, "Mask")
    canvas.stroke((50, 60), (78, 60))
    canvas.page.click("button#paint")
    expect(canvas.page.locator(".sw-message")).to_contain_text("needs the picture that it masks")
    assert canvas.page.evaluate("window.stepwise.canvas.has('mask')")


def test_a_picture_is_extended_twice(canvas: Canvas, served: Served) -> None:
    page = canvas.page
    page.click(".sw-draw")
    paint(page, served, "a cat in a meadow")
    page.click(".sw-start")
    canvas.wait("open")
    page.click("#mask-settings .label-wrap")
    page.click("#area label:has-text('Only masked')")
    for count, width in ((2, 192), (3, 256)):
        page.evaluate("window.stepwise.canvas.extend({ right: 64 })")
        canvas.wait("extend")
        run = painted(canvas, served, "a meadow", count)
        assert run.request.inpaint is not None
        assert run.request.inpaint.content == "fill"
        assert run.result.images[0].size == (width, 128)
        start = np.asarray(served.studio.inputs.get(run.request.image), np.int16)
        assert (pixels(run)[:, : width - 96] == start[:, : width - 96]).all()
        if width == 192:
            path = run.result.paths[0]
            page.set_input_files("#canvas .sw-file", path)
            canvas.wait("open")


def test_a_reload_leaves_the_drawing_and_what_it_is_used_for(canvas: Canvas, served: Served) -> None:
    draw_house(canvas)
    canvas.page.reload()
    canvas.page.wait_for_selector("#footer b")
    canvas.page.wait_for_selector("#boards[data-canvas]")
    assert painted(canvas, served, "a house").request.control


def test_a_branch_follows_what_was_drawn_since(canvas: Canvas, served: Served) -> None:
    canvas.page.click(".sw-draw")
    run = paint(canvas.page, served, "a house in a meadow", 10)
    canvas.page.click(".sw-draw")
    draw_house(canvas)
    canvas.page.locator(".sw-strip li").nth(3).click()
    canvas.page.click("#side button[role=tab] >> nth=0")
    expect(canvas.page.locator("#differences")).to_contain_text("ControlNet")
    canvas.page.click("#branch")
    branch = branched(canvas.page, served, 2)
    assert branch.parent is run
    assert branch.kept == 4
    assert branch.request.control


def test_the_picture_follows_the_pen(canvas: Canvas, served: Served) -> None:
    page = canvas.page
    page.fill("#prompt textarea", "a house")
    draw_house(canvas)
    page.check(".sw-live")
    page.wait_for_function(f"{LIVE}.includes('behind the pen')")
    finished(page)
    live = newest(served)
    assert live.draft
    assert live.request.control
    assert (live.request.model, live.request.steps) == (EMBEDDED_QUICK, 4)
    assert not list(served.outputs.glob(f"**/*{live.id}*.png")), "nothing of it is saved"
    seed = live.request.seed
    page.evaluate("document.querySelector('.sw-delay').textContent = ''")
    canvas.stroke((56, 110), (56, 82), (72, 82), (72, 110))
    page.wait_for_function(f"{LIVE}.includes('behind the pen')")
    expect(page.locator(".sw-step")).to_have_text("Step 4 of 4")
    page.uncheck(".sw-live")
    kept = painted(canvas, served, "a house", 1)
    assert not kept.draft
    assert seed == live.request.seed
    assert [run for run in served.studio.runs.of(LOCAL) if not run.draft] == [kept]


def test_settings_from_a_picture_bring_its_canvas_back(canvas: Canvas, served: Served) -> None:
    page = canvas.page
    page.click(".sw-draw")
    paint(page, served, "a cat in a meadow")
    page.click(".sw-start")
    canvas.wait("open")
    choose(canvas, "Mask")
    canvas.stroke((50, 60), (78, 100))
    run = painted(canvas, served, "a dog in a meadow", 2)
    page.evaluate("window.stepwise.canvas.blank(128, 128)")
    canvas.wait("new")
    page.set_input_files('input[type=file][data-testid$="upload-button"] >> nth=0', run.result.paths[0])
    canvas.wait("mask")
    again = painted(canvas, served, "a dog in a meadow", 3)
    assert again.request.image == run.request.image
    assert again.request.seed == run.request.seed
    assert (pixels(again) == pixels(run)).mean() > 0.9


def test_results_become_starts(page: Page, served: Served) -> None:
    page.fill("#prompt textarea", "a cat in a meadow")
    set_number(page, "steps", 6)
    page.click("#variations .label-wrap")
    page.locator("#loops input").fill("3")
    page.locator("#loops input").press("Tab")
    page.click("button#paint")
    branched(page, served, 3)
    first, second, third = served.studio.runs.of(LOCAL)
    assert not first.request.image
    assert second.request.image == served.studio.inputs.add(first.result.images[0])
    assert third.request.image == served.studio.inputs.add(second.result.images[0])


def test_drawing_with_a_finger_on_a_phone(browser: Browser, served: Served, page: Page, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.set_default_timeout(WAIT_MS)
    phone = Canvas(context.new_page(), served.url)
    phone.page.wait_for_selector("#footer b")
    phone.page.tap(".sw-draw")
    phone.wait("new")
    phone.page.tap(".sw-layers label:has-text('Lines')")
    phone.page.locator(".sw-sheet").scroll_into_view_if_needed()
    wire = context.new_cdp_session(phone.page)
    for kind, at in (("Start", (30, 40)), ("Move", (60, 80)), ("Move", (90, 100)), ("End", None)):
        spots = [dict(zip("xy", phone.on_screen(*at), strict=True))] if at else []
        wire.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": spots})
    phone.wait("stroke")
    phone.page.fill("#prompt textarea", "a house")
    phone.page.tap("button#paint")
    finished(phone.page)
    assert newest(served).request.control
    context.close()


def test_what_a_unit_follows_can_be_seen(canvas: Canvas, tmp_path: Path) -> None:
    page = canvas.page
    page.click("#controls .label-wrap")
    page.click("#source-0 label:has-text('Canvas picture')")
    photo = tmp_path / "photo.png"
    picture = Image.new("RGB", (128, 128), "#204060")
    picture.paste("#f0a84b", (40, 40, 90, 90))
    picture.save(photo)
    page.set_input_files("#canvas .sw-file", photo)
    canvas.wait("open")
    page.click("#preprocessor-0 input")
    page.click("[role=option]:has-text('Canny edges')")
    page.click("#show-map-0")
    page.wait_for_selector("#map-0 img")
