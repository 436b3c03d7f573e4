"""Drawing with keys, fingers and a pen, and moving the view."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.drawn import WAIT_MS, Canvas, drawn, harness

__all__ = ["drawn", "harness"]


def test_drawing_by_keyboard_alone(drawn: Canvas) -> None:
    drawn.brush("mask", 40)
    sheet = drawn.page.locator(".sw-sheet")
    sheet.focus()
    sheet.press("ArrowRight")  # the brush appears in the middle
    sheet.press("Enter")
    for _ in range(10):
        sheet.press("ArrowRight")
    sheet.press(" ")
    drawn.wait("stroke")
    sheet.press("ArrowDown")
    mask = drawn.pixels()
    assert mask[256, 256] == mask[256, 300] == 255
    assert mask[256, 200] == mask[330, 300] == 0
    expect(drawn.page.locator(".sw-says")).to_have_text(re.compile(r"^\d+, \d+$"))


def test_keys_belong_to_a_field_that_is_typed_in(drawn: Canvas) -> None:
    drawn.brush("mask", 40)
    drawn.stroke((100, 100), (200, 100))
    drawn.page.focus("#prompt textarea")
    drawn.page.mouse.move(*drawn.on_screen(200, 200))
    drawn.page.keyboard.type("be lid[")
    drawn.page.keyboard.press("Control+z")
    expect(drawn.page.locator('[data-tool="brush"]')).to_have_attribute("aria-pressed", "true")
    assert drawn.pixels()[100, 150] == 255


def test_keys_of_the_canvas_are_not_the_pages_as_well(drawn: Canvas) -> None:
    drawn.page.evaluate("document.addEventListener('keydown', (event) => (window.keys ??= []).push(event.key))")
    drawn.page.locator(".sw-sheet").focus()
    for key in ("b", "ArrowLeft", "p", " "):
        drawn.page.keyboard.press(key)
    assert drawn.page.evaluate("window.keys") == ["p"]


def test_zoomed_and_moved_a_stroke_lands_where_the_pointer_is(drawn: Canvas) -> None:
    drawn.brush("mask", 10)
    spot = drawn.on_screen(128, 128)
    drawn.page.mouse.move(*spot)
    drawn.page.keyboard.down("Control")
    for _ in range(4):
        drawn.page.mouse.wheel(0, -300)
    drawn.page.keyboard.up("Control")
    expect(drawn.page.locator(".sw-percent")).not_to_have_text("100 %")
    drawn.page.keyboard.down(" ")
    drawn.page.mouse.down()
    drawn.page.mouse.move(spot[0] + 40, spot[1] + 30, steps=4)
    drawn.page.mouse.up()
    drawn.page.keyboard.up(" ")
    drawn.page.mouse.down()
    drawn.page.mouse.up()
    drawn.wait("stroke")
    rows, columns = np.nonzero(drawn.pixels())
    assert abs(rows.mean() - 128) < 1.5
    assert abs(columns.mean() - 128) < 1.5
    assert drawn.page.evaluate("window.heard.includes('stroke')") is False, "moving the view draws nothing"


class Hand:
    """Fingers and a pen, through the browser's own input."""

    def __init__(self, drawn: Canvas) -> None:
        self._drawn, self._wire = drawn, drawn.page.context.new_cdp_session(drawn.page)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """``kind``: Start, Move or End; the fingers on the glass afterwards, in px of the document."""
        spots = [dict(zip("xy", self._drawn.on_screen(*point), strict=True)) for point in points]
        touches = [spot | {"id": at} for at, spot in enumerate(spots)]
        self._wire.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": touches})

    def pen(self, kind: str, point: tuple[float, float], force: float) -> None:
        x, y = self._drawn.on_screen(*point)
        told = {"type": kind, "x": x, "y": y, "force": force, "pointerType": "pen", "button": "left", "clickCount": 1}
        self._wire.send("Input.dispatchMouseEvent", told | {"buttons": 0 if kind == "mouseReleased" else 1})


@pytest.fixture
def phone(browser: Browser, harness: str) -> Iterator[Canvas]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    yield Canvas(page, harness)
    context.close()


def test_one_finger_draws_and_two_move_the_view(phone: Canvas) -> None:
    phone.brush("mask", 40)
    hand = Hand(phone)
    hand.touch("Start", (100, 100))
    for x in range(120, 401, 40):
        hand.touch("Move", (x, 100))
    hand.touch("End")
    phone.wait("stroke")
    mask = phone.pixels()
    assert mask[100, 250] == 255
    hand.touch("Start", (200, 250))
    hand.touch("Start", (200, 250), (300, 250))
    hand.touch("Move", (150, 250), (350, 250))
    hand.touch("End")
    expect(phone.page.locator(".sw-percent")).not_to_have_text("70 %")
    assert (phone.pixels() == mask).all(), "two fingers leave no mark"
    assert phone.page.evaluate("window.scrollY") == 0


def test_a_pen_presses_and_the_palm_beside_it_does_not(drawn: Canvas) -> None:
    drawn.brush("mask", 80)
    hand = Hand(drawn)
    hand.pen("mousePressed", (100, 100), 0.1)
    for at in range(1, 11):
        hand.pen("mouseMoved", (100 + 30 * at, 100), 0.1 + 0.09 * at)
    hand.touch("Start", (300, 400))
    hand.touch("Move", (350, 400))
    hand.touch("End")
    hand.pen("mouseReleased", (400, 100), 0)
    drawn.wait("stroke")
    mask = drawn.pixels()
    assert mask[350:].max() == 0
    assert 2 < (mask[:, 110] > 127).sum() < 30
    assert 50 < (mask[:, 380] > 127).sum() <= 82
