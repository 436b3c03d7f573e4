"""The canvas as a person draws on it, in a real browser: layers, undo, what is sent and kept."""

from __future__ import annotations

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.drawn import FOCUS, PANE, WAIT_MS, Canvas, drawn, harness

__all__ = ["drawn", "harness"]


def test_a_mask_is_white_where_it_was_drawn(drawn: Canvas) -> None:
    drawn.brush("mask", 40)
    drawn.stroke((100, 100), (400, 100))
    mask = drawn.pixels()
    assert mask.shape == (512, 512)
    assert (mask[85:115, 110:390] == 255).all()
    assert (mask[130:] == 0).all()
    assert (mask[:, :70] == 0).all()
    assert drawn.layers.picture is drawn.layers.sketch is None


def test_the_eraser_takes_away_and_the_lasso_fills(drawn: Canvas) -> None:
    drawn.brush("mask", 60)
    drawn.stroke((100, 100), (400, 100))
    drawn.page.keyboard.press("e")
    drawn.stroke((250, 60), (250, 140))
    drawn.page.keyboard.press("l")
    drawn.stroke((100, 300), (300, 300), (300, 400), (100, 400), said="lasso")
    mask = drawn.pixels()
    assert mask[100, 150] == mask[100, 350] == mask[350, 200] == 255
    assert mask[100, 250] == mask[350, 320] == mask[290, 200] == 0


def test_a_soft_brush_makes_a_gradual_mask(drawn: Canvas) -> None:
    drawn.brush("mask", 120, hardness=0)
    drawn.stroke((50, 256), (460, 256))
    profile = drawn.pixels()[190:257, 256].astype(int)
    assert (np.diff(profile) >= 0).all()
    assert profile[0] == 0
    assert profile[-1] > 230
    assert len(set(profile)) > 25


def test_fill_clear_and_invert(drawn: Canvas) -> None:
    drawn.brush("mask", 40)
    drawn.stroke((100, 100), (110, 100))
    drawn.press("i", "invert")
    mask = drawn.pixels()
    assert mask[100, 105] == 0
    assert mask[300, 300] == 255
    drawn.page.click('[data-command="clear"]')
    drawn.wait("clear")
    assert drawn.layers.mask is None
    drawn.page.click('[data-command="fill"]')
    drawn.wait("fill")
    assert (drawn.pixels() == 255).all()


def test_lines_are_white_on_black_and_colours_join_the_picture(drawn: Canvas) -> None:
    drawn.open(Image.new("RGBA", (300, 200), (0, 0, 255, 0)))
    drawn.brush("sketch", 6)
    drawn.stroke((20, 20), (280, 20))
    drawn.brush("colour", 30)
    drawn.page.locator(".sw-colour").fill("#00ff00")
    drawn.stroke((20, 150), (280, 150))
    sketch, picture = drawn.pixels("sketch"), drawn.pixels("picture")
    assert sketch[20, 150] == 255
    assert sketch[150, 150] == 0
    assert tuple(picture[150, 150]) == (0, 255, 0)
    assert tuple(picture[80, 150]) == (255, 255, 255), "transparent places lie on white"
    assert drawn.layers.mask is None


def test_on_a_screen_of_another_density_the_drawing_stays_under_the_pen(drawn: Canvas) -> None:
    drawn.open(Image.new("RGB", (300, 200), "blue"))
    board, screen = drawn.page.locator(".sw-board"), drawn.page.context.new_cdp_session(drawn.page)
    wide, known = board.evaluate("(board) => board.clientWidth"), drawn.page.viewport_size
    assert known
    drawn.brush("sketch", 6)
    for density in (2, 1):
        screen.send("Emulation.setDeviceMetricsOverride", {**known, "deviceScaleFactor": density, "mobile": False})
        drawn.stroke((20, 20 * density), (280, 20 * density))
        expect(drawn.page.locator(".sw-sheet")).to_have_attribute("width", str(density * wide))
    screen.send("Emulation.clearDeviceMetricsOverride")


def seen(drawn: Canvas) -> str:
    """What is on the screen, to the pixel."""
    drawn.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return str(drawn.page.locator(".sw-sheet").evaluate("(sheet) => sheet.toDataURL()"))


def test_undo_and_redo_are_exact_over_all_layers(drawn: Canvas) -> None:
    views = [seen(drawn)]
    for at in range(11):
        drawn.brush(("mask", "colour", "sketch")[at % 3], 20, hardness=60)
        drawn.stroke((40 + 40 * at, 60), (60, 460))
        views.append(seen(drawn))
    assert len(set(views)) == len(views)
    drawn.press("i", "invert")
    for view in reversed(views):
        drawn.press("Control+z", "undo")
        assert seen(drawn) == view
    expect(drawn.page.locator('[data-command="undo"]')).to_be_disabled()
    for at, view in enumerate(views[1:]):
        drawn.press("Control+Shift+Z" if at % 2 else "Control+y", "redo")
        assert seen(drawn) == view


def test_a_reload_keeps_the_drawing_the_picture_and_both_histories(drawn: Canvas) -> None:
    drawn.open(Image.new("RGB", (320, 240), "red"))
    drawn.brush("mask", 40)
    for row in (60, 120, 180):
        drawn.stroke((50, row), (270, row))
    drawn.press("Control+z", "undo")
    before, view = drawn.pixels(), seen(drawn)
    drawn.page.reload()
    drawn.wait("restore")
    assert drawn.size == (320, 240)
    assert seen(drawn) == view
    assert (drawn.pixels() == before).all()
    drawn.press("Control+y", "redo")
    assert drawn.pixels()[180, 160] == 255
    for _ in range(4):
        drawn.press("Control+z", "undo")
    assert drawn.size == (512, 512)
    drawn.press("Control+y", "redo")
    assert tuple(drawn.pixels("picture")[5, 5]) == (255, 0, 0)


def test_a_hidden_layer_counts_all_the_same(drawn: Canvas) -> None:
    empty = seen(drawn)
    drawn.brush("sketch", 20)
    drawn.stroke((100, 100), (400, 100))
    drawn.page.click(".sw-eye")
    assert seen(drawn) == empty
    assert drawn.pixels("sketch")[100, 250] == 255
    drawn.stroke((100, 200), (400, 200))
    expect(drawn.page.locator(".sw-eye")).to_have_attribute("aria-pressed", "false")
    assert seen(drawn) != empty


def test_unchanged_layers_are_not_sent_again(drawn: Canvas) -> None:
    sent: list[str] = []
    drawn.page.on("request", lambda request: sent.append(request.url) if "/upload" in request.url else None)
    drawn.brush("mask", 40)
    drawn.stroke((100, 100), (200, 100))
    drawn.brush("sketch", 4)
    drawn.stroke((100, 200), (200, 200))
    first = drawn.layers
    assert drawn.layers == first
    assert len(sent) == 2
    drawn.brush("mask", 40)
    drawn.stroke((100, 300), (200, 300))
    second = drawn.layers
    assert len(sent) == 3
    assert second.sketch == first.sketch
    assert second.mask != first.mask
    drawn.press("Control+z", "undo")
    assert drawn.layers.mask == first.mask


def test_asking_for_the_layers_does_not_cut_a_stroke_short(drawn: Canvas) -> None:
    drawn.page.evaluate("document.addEventListener('stepwise:stroke', ({ detail }) => (window.begun = detail.layer))")
    drawn.brush("mask", 40)
    drawn.page.mouse.move(*drawn.on_screen(100, 100))
    drawn.page.mouse.down()
    drawn.page.mouse.move(*drawn.on_screen(200, 100), steps=3)
    assert drawn.page.evaluate("window.begun") == "mask"
    assert drawn.layers.mask is None
    drawn.page.mouse.move(*drawn.on_screen(400, 100), steps=3)
    drawn.page.mouse.up()
    drawn.wait("stroke")
    mask = drawn.pixels()
    assert mask[100, 120] == mask[100, 380] == 255


def test_a_stroke_goes_on_when_a_picture_arrives_below_it(drawn: Canvas) -> None:
    drawn.brush("mask", 40)
    drawn.page.mouse.move(*drawn.on_screen(100, 100))
    drawn.page.mouse.down()
    drawn.page.mouse.move(*drawn.on_screen(200, 100), steps=3)
    drawn.open(Image.new("RGB", (512, 512), "blue"))
    drawn.page.mouse.move(*drawn.on_screen(400, 100), steps=3)
    drawn.page.mouse.up()
    drawn.wait("stroke")
    mask = drawn.pixels()
    assert mask[100, 120] == mask[100, 380] == 255
    assert (drawn.pixels("picture") == (0, 0, 255)).all()


def test_undo_while_drawing_gives_up_only_that_stroke(drawn: Canvas) -> None:
    drawn.brush("mask", 40)
    drawn.stroke((100, 430), (200, 430))
    drawn.page.mouse.move(*drawn.on_screen(100, 100))
    drawn.page.mouse.down()
    drawn.page.mouse.move(*drawn.on_screen(200, 100), steps=3)
    drawn.page.keyboard.press("Control+z")
    drawn.page.mouse.move(*drawn.on_screen(400, 100), steps=3)
    drawn.page.mouse.up()
    mask = drawn.pixels()
    assert mask[430, 150] == 255
    assert mask[:200].max() == 0


def test_dots_faster_than_the_screen_all_stay_in_sight(drawn: Canvas) -> None:
    drawn.brush("colour", 40)
    drawn.stroke((100, 100), (400, 100))
    one = seen(drawn)
    tap = """() => {
      const sheet = document.querySelector(".sw-sheet"), box = sheet.getBoundingClientRect();
      sheet.setPointerCapture = () => {};
      const told = { pointerId: 1, pointerType: "mouse", clientX: box.x + 200, clientY: box.y + 300 };
      for (const kind of ["pointerdown", "pointerup"]) sheet.dispatchEvent(new PointerEvent(kind, told));
    }"""
    drawn.page.evaluate(tap)
    drawn.wait("stroke")
    both = seen(drawn)
    assert both != one
    drawn.page.reload()
    drawn.wait("restore")
    assert seen(drawn) == both
    drawn.press("Control+z", "undo")
    assert seen(drawn) == one


def test_a_browser_that_keeps_nothing_says_so_and_draws(browser: Browser, harness: str) -> None:
    context = browser.new_context(viewport=PANE)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); }")
    drawn = Canvas(page, harness)
    expect(page.locator(".sw-says")).to_contain_text("lasts until the page is closed")
    drawn.open(Image.new("RGB", (100, 100), "red"))
    drawn.brush("mask", 20)
    drawn.stroke((50, 50), (60, 50))
    assert drawn.pixels()[50, 55] == 255
    drawn.press("Control+z", "undo")
    drawn.press("Control+z", "undo")
    drawn.press("Control+y", "redo")
    assert (drawn.pixels("picture") == (255, 0, 0)).all()
    context.close()


def test_two_tabs_go_on_with_the_same_drawing(drawn: Canvas, harness: str) -> None:
    other = Canvas(drawn.page.context.new_page(), harness)
    drawn.brush("mask", 40)
    drawn.stroke((100, 100), (200, 100))
    drawn.page.evaluate("window.dispatchEvent(new Event('blur'))")
    other.page.wait_for_function(f"{FOCUS} && window.heard.includes('restore')")
    other.press("i", "invert")
    assert other.pixels()[100, 150] == 0
    assert other.pixels()[300, 300] == 255
