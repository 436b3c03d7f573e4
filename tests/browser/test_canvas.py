"""The canvas as a person draws on it, with mouse, fingers, pen and keys, in a real browser."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from components import canvas
from components.canvas import Layers
from components.stage import ASSETS
from components.theme import theme, variables

WAIT_MS = 60_000
PANE = {"width": 720, "height": 760}
UPLOAD_LIMIT = "100mb"
FOCUS = "window.dispatchEvent(new Event('focus'))"
HEARD = "document.addEventListener('stepwise:canvas', (event) => (window.heard ??= []).push(event.detail.reason))"


@pytest.fixture(scope="module")
def harness() -> Iterator[str]:
    """The address of a page with nothing but the canvas and a text field."""
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Textbox(label="Prompt", elem_id="prompt")
        canvas.build()
    styles = [ASSETS / "page.css", ASSETS / "canvas.css"]
    _, url, _ = blocks.launch(
        prevent_thread_lock=True,
        quiet=True,
        theme=theme(),
        css=variables(),
        css_paths=styles,
        max_file_size=UPLOAD_LIMIT,
    )
    yield url
    blocks.close()


class Canvas:
    """An opened canvas and what can be done with it. Coordinates are px of the document."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.add_init_script(HEARD)
        page.goto(url)
        self.wait("restore")

    def wait(self, reason: str) -> None:
        """Wait until the canvas said so, once for each call."""
        self.page.wait_for_function("(reason) => window.heard?.includes(reason)", arg=reason)
        self.page.evaluate("(reason) => window.heard.splice(window.heard.indexOf(reason), 1)", reason)

    def on_screen(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the document is on the page, as long as the view is fitted."""
        box = self.page.locator(".sw-sheet").bounding_box()
        assert box is not None
        width, height = self.size
        zoom = min((box["width"] - 32) / width, (box["height"] - 32) / height)
        left, top = (box["width"] - width * zoom) / 2, (box["height"] - height * zoom) / 2
        return box["x"] + left + x * zoom, box["y"] + top + y * zoom

    def stroke(self, *points: tuple[float, float], said: str = "stroke") -> None:
        """Draw through points with the mouse."""
        mouse = self.page.mouse
        mouse.move(*self.on_screen(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.on_screen(*point), steps=5)
        mouse.up()
        self.wait(said)

    def press(self, keys: str, said: str) -> None:
        self.page.locator(".sw-sheet").focus()
        self.page.keyboard.press(keys)
        self.wait(said)

    def brush(self, layer: str, size: int, hardness: int = 100) -> None:
        """Choose a layer and its brush, with the controls."""
        self.page.locator(f"[name=sw-layer][value={layer}]").check()
        self.set(".sw-size", 100 * np.log(size) / np.log(1024))
        self.set(".sw-hardness", hardness)

    def set(self, name: str, value: float) -> None:
        self.page.locator(name).evaluate(
            "(slider, value) => { slider.step = 'any'; slider.value = value;"
            " slider.dispatchEvent(new Event('input', { bubbles: true })) }",
            float(value),
        )

    @property
    def size(self) -> tuple[int, int]:
        found = self.page.evaluate("window.stepwise.canvas.size()")
        return found["width"], found["height"]

    @property
    def layers(self) -> Layers:
        return Layers.of(self.page.evaluate("window.stepwise.canvas.layers()"), Path(get_upload_folder()))

    def pixels(self, layer: str = "mask") -> np.ndarray[Any, Any]:
        """A layer as it reaches Python."""
        path = getattr(self.layers, layer)
        assert path is not None
        with Image.open(path) as picture:
            assert picture.mode == ("RGB" if layer == "picture" else "L")
            assert picture.size == self.size
            return np.asarray(picture)

    def blank(self, width: int, height: int) -> None:
        self.page.evaluate("([width, height]) => window.stepwise.canvas.blank(width, height)", [width, height])
        self.wait("new")

    def open(self, picture: Image.Image) -> None:
        self.page.evaluate("(url) => window.stepwise.canvas.open(url)", uri(picture))
        self.wait("open")


def uri(picture: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()


def png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def drawn(browser: Browser, harness: str) -> Iterator[Canvas]:
    """A canvas in a fresh browser profile; errors in its console fail the test."""
    context = browser.new_context(viewport=PANE, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "js_on_load" in message.text else None)
    yield Canvas(page, harness)
    context.close()
    assert errors == []


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


def extend(drawn: Canvas, pixels: int, *sides: str) -> None:
    """With the panel, as a person does it."""
    drawn.page.click('.sw-rail [data-opens="extend"]')
    drawn.page.fill("[name=pixels]", str(pixels))
    for side in ("left", "top", "right", "bottom"):
        drawn.page.locator(f'[name=side][value="{side}"]').set_checked(side in sides)
    drawn.page.click("[data-panel=extend] button")
    drawn.wait("extend")


def test_extending_twice_shifts_the_picture_and_masks_what_is_new(drawn: Canvas) -> None:
    drawn.open(Image.new("RGB", (200, 100), "red"))
    drawn.brush("mask", 20)
    drawn.stroke((100, 50), (101, 50))
    extend(drawn, 64, "left", "top")
    extend(drawn, 32, "right")
    assert drawn.size == (296, 164)
    mask, picture = drawn.pixels(), drawn.pixels("picture")
    expected = np.zeros((164, 296), np.uint8)
    expected[:72] = expected[:, :72] = expected[:, 256:] = 255
    yy, xx = np.mgrid[:164, :296]
    dot = np.hypot(xx + 0.5 - 164.5, yy + 0.5 - 114) < 12
    assert (mask[~dot] == expected[~dot]).all()
    assert mask[114, 164] == 255
    assert (picture[64:, 64:264] == (255, 0, 0)).all()
    assert (picture[:64] == 128).all()
    assert (picture[:, :64] == 128).all()
    assert (picture[:, 264:] == 128).all()
    drawn.press("Control+z", "undo")
    drawn.press("Control+z", "undo")
    assert drawn.size == (200, 100)
    assert drawn.pixels()[50, 100] == 255
    assert drawn.pixels()[:20].max() == 0


BRING = """
([content, kind]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0)), data = new DataTransfer();
  if (kind === "drag") data.setData("text/uri-list", `data:image/png;base64,${content}`);
  else data.items.add(new File([bytes], "made.png", { type: "image/png" }));
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector(".sw-sheet").dispatchEvent(event);
}
"""


@pytest.mark.parametrize("kind", ["paste", "drop", "drag"])
def test_a_picture_is_pasted_dropped_or_dragged_from_the_page_and_can_be_undone(drawn: Canvas, kind: str) -> None:
    drawn.brush("mask", 30)
    drawn.stroke((100, 100), (120, 100))
    drawn.page.locator(".sw-sheet").focus()
    content = base64.b64encode(png(Image.new("RGB", (64, 48), (10, 200, 30)))).decode()
    drawn.page.evaluate(BRING, [content, kind])
    drawn.wait("open")
    assert drawn.size == (64, 48)
    assert (drawn.pixels("picture") == (10, 200, 30)).all()
    assert drawn.layers.mask is None
    drawn.press("Control+z", "undo")
    assert drawn.pixels()[100, 110] == 255


def test_a_picture_of_the_same_size_keeps_mask_and_lines(drawn: Canvas) -> None:
    drawn.brush("mask", 30)
    drawn.stroke((100, 100), (120, 100))
    drawn.brush("colour", 30)
    drawn.stroke((100, 300), (120, 300))
    drawn.open(Image.new("RGB", (512, 512), "blue"))
    assert drawn.pixels()[100, 110] == 255
    assert (drawn.pixels("picture") == (0, 0, 255)).all()


def test_the_browser_keeps_the_last_40_pictures_and_the_mask_through_all(drawn: Canvas) -> None:
    drawn.open(Image.new("RGB", (32, 32)))
    drawn.brush("mask", 4)
    drawn.stroke((8, 8), (24, 8))
    for at in range(45):
        drawn.open(Image.new("RGB", (32, 32), (at, 0, 0)))
    for _ in range(39):
        drawn.press("Control+z", "undo")
    expect(drawn.page.locator('[data-command="undo"]')).to_be_disabled()
    assert drawn.pixels()[8, 16] == 255
    assert tuple(drawn.pixels("picture")[16, 16]) == (5, 0, 0)


def test_a_large_photograph_opens_upright_and_reaches_python_whole(drawn: Canvas, tmp_path: Path) -> None:
    photo = Image.new("RGB", (6000, 4000), "navy")
    photo.paste("red", (0, 0, 3000, 4000))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    photo.save(tmp_path / "photo.jpg", exif=exif)
    drawn.page.set_input_files(".sw-file", tmp_path / "photo.jpg")
    drawn.wait("open")
    assert drawn.size == (4000, 6000)
    drawn.brush("mask", 800)
    drawn.stroke((2000, 4500), (2100, 4500))
    picture, mask = drawn.pixels("picture"), drawn.pixels()
    assert picture.shape == (6000, 4000, 3)
    assert picture[1000, 2000][0] > 200, "its left half is now at the top"
    assert picture[5000, 2000][0] < 60
    assert mask[4500, 2050] == 255
    assert mask[3000, 2050] == 0


def test_a_picture_beyond_24_megapixels_is_scaled_down_and_said(drawn: Canvas, tmp_path: Path) -> None:
    Image.new("RGB", (9000, 4000), "navy").save(tmp_path / "huge.jpg")
    drawn.page.set_input_files(".sw-file", tmp_path / "huge.jpg")
    drawn.wait("open")
    width, height = drawn.size
    assert width * height <= 24_000_000
    assert abs(width / height - 9 / 4) < 0.01
    expect(drawn.page.locator(".sw-says")).to_contain_text("Scaled down")


@pytest.mark.parametrize("kind", ["luminance", "alpha"])
def test_a_mask_is_loaded_from_a_picture(drawn: Canvas, tmp_path: Path, kind: str) -> None:
    half = Image.new("L", (64, 64), 0)
    half.paste(128, (0, 0, 32, 64))
    nine = half.point(lambda _: 9)
    picture = half if kind == "luminance" else Image.merge("RGBA", (nine, nine, nine, half))
    picture.save(tmp_path / "mask.png")
    drawn.page.set_input_files(".sw-mask-file", tmp_path / "mask.png")
    drawn.wait("mask")
    mask = drawn.pixels()
    assert mask.shape == (512, 512)
    assert abs(int(mask[256, 100]) - 128) <= 1
    assert mask[256, 400] == 0


def test_what_is_no_picture_is_said_and_changes_nothing(drawn: Canvas, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    drawn.page.set_input_files(".sw-file", tmp_path / "broken.png")
    expect(drawn.page.locator(".sw-says")).to_contain_text("no picture")
    assert drawn.size == (512, 512)
    assert drawn.page.evaluate("window.stepwise.canvas.isEmpty()")
    drawn.brush("mask", 40)
    drawn.stroke((100, 100), (200, 100))
    expect(drawn.page.locator(".sw-says")).to_have_text("")
    assert drawn.page.evaluate("window.stepwise.canvas.isEmpty()") is False


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


def test_two_tabs_go_on_with_the_same_drawing(drawn: Canvas, harness: str) -> None:
    other = Canvas(drawn.page.context.new_page(), harness)
    drawn.brush("mask", 40)
    drawn.stroke((100, 100), (200, 100))
    drawn.page.evaluate("window.dispatchEvent(new Event('blur'))")
    other.page.wait_for_function(f"{FOCUS} && window.heard.includes('restore')")
    other.press("i", "invert")
    assert other.pixels()[100, 150] == 0
    assert other.pixels()[300, 300] == 255
