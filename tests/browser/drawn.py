"""A canvas opened in a real browser, and what can be done with it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from PIL import Image
from playwright.sync_api import Browser, Page

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
