"""Settings taken from a picture leave the canvas as that picture had it, and nothing of the drawing before in it."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from studio.gallery.pictures import LOCAL
from tests.browser.conftest import Served
from tests.browser.drawn import Canvas
from tests.browser.test_drawing import canvas, choose, draw_house, painted
from tests.browser.test_timeline import paint

__all__ = ["canvas"]  # the fixture
OPEN_PICTURE = '#open-picture input[type=file], input[type=file][data-testid$="upload-button"] >> nth=0'
HAS = "(layer) => window.stepwise.canvas.has(layer)"


def test_a_picture_from_noise_puts_the_canvas_away(canvas: Canvas, served: Served) -> None:
    page = canvas.page
    page.click(".sw-draw")
    plain = paint(page, served, "a cat in a meadow")
    page.click(".sw-draw")
    draw_house(canvas)
    page.set_input_files(OPEN_PICTURE, plain.result.paths[0])
    page.wait_for_selector("#boards:not([data-canvas])")
    again = painted(canvas, served, "a cat in a meadow", 2)
    assert again.request.control == ()
    assert page.evaluate(HAS, "sketch"), "the drawing itself is not lost"


def test_led_by_a_map_alone_it_is_led_again(canvas: Canvas, served: Served) -> None:
    page = canvas.page
    draw_house(canvas)
    led = painted(canvas, served, "a house in a meadow")
    page.evaluate("window.stepwise.canvas.blank(128, 128)")
    canvas.wait("new")
    page.click(".sw-draw")
    page.set_input_files(OPEN_PICTURE, led.result.paths[0])
    page.wait_for_selector("#boards[data-canvas]")
    again = painted(canvas, served, "a house in a meadow", 2)
    assert again.request.control == led.request.control
    assert not again.request.image


def test_a_start_without_a_mask_leaves_none_of_the_last(canvas: Canvas, served: Served, tmp_path: Path) -> None:
    page, photo = canvas.page, tmp_path / "photo.png"
    Image.new("RGB", (128, 128), "#204060").save(photo)
    page.set_input_files("#canvas .sw-file", photo)
    canvas.wait("open")
    plain = painted(canvas, served, "a cat in a meadow")
    choose(canvas, "Mask")
    canvas.stroke((50, 60), (78, 100))
    page.set_input_files(OPEN_PICTURE, plain.result.paths[0])
    canvas.wait("clear")
    assert painted(canvas, served, "a cat in a meadow", 2).request.inpaint is None


def test_what_is_refused_leaves_the_picture_that_is_shown(canvas: Canvas, served: Served) -> None:
    page = canvas.page
    draw_house(canvas)
    painted(canvas, served, "a house in a meadow")
    page.fill("#width input", "100")
    page.click("button#paint")
    expect(page.locator(".sw-message")).to_have_text(re.compile("Width must be a multiple of 8"))
    expect(page.locator(".sw-strip li")).to_have_count(8)
    page.fill("#width input", "128")
    painted(canvas, served, "a house in a meadow", 2)


def test_live_leaves_one_draft_however_much_is_drawn(canvas: Canvas, served: Served) -> None:
    page = canvas.page
    page.check(".sw-live")
    for left in (30, 50, 70):
        choose(canvas, "Lines")
        canvas.stroke((left, 40), (left, 90))
        page.wait_for_function("document.querySelector('.sw-delay').textContent.includes('behind the pen')")
        page.evaluate("document.querySelector('.sw-delay').textContent = ''")
    page.uncheck(".sw-live")
    page.wait_for_selector("#stage .sw-stage[data-state=finished]")
    assert [run.draft for run in served.studio.runs.of(LOCAL)] == [True]


def test_an_upload_that_fails_is_told_and_what_was_drawn_stays(canvas: Canvas) -> None:
    page = canvas.page
    draw_house(canvas)
    page.route("**/upload*", lambda route: route.abort())
    page.click("button#paint")
    expect(page.locator(".sw-says")).to_contain_text("could not be sent")
    assert page.evaluate(HAS, "sketch")
    page.unroute("**/upload*")
    page.click("button#paint")
    page.wait_for_selector("#stage .sw-stage[data-state=finished]")
