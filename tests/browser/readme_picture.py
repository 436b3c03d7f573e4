"""Makes the README's pictures: ``make picture``.

The page, photographed after it has painted and branched into another animal; the tree of the
runs, with one branch more, as the page exports it; and the canvas, with a house in lines on it.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from components.page import build, launch
from studio import Settings, Studio
from studio.gallery.pictures import LOCAL
from studio.timeline.export import export_tree
from tests.browser.chromium import launched
from tests.browser.drawn import Canvas

PROMPT, CHANGED = "a fox in a forest in the snow", "a bear in a forest in the snow"
SEED, STEPS, LEFT_AT, SHOWN, FIRST_IN_STRIP = 9, 20, 9, 15, 6
OUT, TREE, TREE_WIDTH = Path("assets/readme.png"), Path("assets/tree.jpg"), 2000
CANVAS = Path("assets/canvas.png")
HOUSE = (
    ((30, 62), (30, 112), (90, 112), (90, 62)),
    ((22, 62), (60, 26), (98, 62), (22, 62)),
    ((52, 112), (52, 86), (68, 86), (68, 112)),
)
"""Strokes on a canvas of 128 x 128."""


def ask(page: Page, prompt: str) -> None:
    """The settings that both pictures share."""
    page.fill("#prompt textarea", prompt)
    page.fill("#steps input[type=number]", str(STEPS))
    page.click("#seed-mode label:has-text('Locked')")
    page.fill("#seed input", str(SEED))
    page.press("#seed input", "Tab")


def use(page: Page) -> None:
    """What a person would do first."""
    ask(page, PROMPT)
    page.click("#paint")
    page.wait_for_selector('.sw-stage[data-state="finished"]')
    page.wait_for_timeout(3_000)
    page.locator(".sw-strip li").nth(LEFT_AT - 1).click()
    page.fill("#prompt textarea", CHANGED)
    page.press("#prompt textarea", "Tab")
    page.wait_for_timeout(500)
    page.click("#branch")
    page.wait_for_selector(".sw-row >> nth=1")
    page.wait_for_selector('.sw-stage[data-state="finished"]')
    page.wait_for_timeout(3_000)
    page.locator(".sw-strip li").nth(SHOWN - 1).click()
    page.evaluate(f"document.querySelector('.sw-strip').scrollLeft = {FIRST_IN_STRIP} * 78")
    page.wait_for_timeout(1_500)


def draw(page: Page, url: str) -> None:
    """A house in lines, and what the model makes of it."""
    canvas = Canvas(page, url)
    page.wait_for_selector("#footer b")
    page.click(".sw-draw")
    canvas.wait("new")
    page.click(".sw-layers label:has-text('Lines')")
    for points in HOUSE:
        canvas.stroke(*points)
    ask(page, "a house in a meadow at sunset")
    page.click("#controls .label-wrap")
    page.click("#paint")
    page.wait_for_selector('.sw-stage[data-state="finished"]')
    page.wait_for_timeout(3_000)


def photographed(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def main() -> None:
    """Paint, branch, draw and photograph."""
    with tempfile.TemporaryDirectory() as folder, Studio(Settings(outputs=Path(folder), port=0)) as studio:
        page = build(studio)
        _, url, _ = launch(page, studio, prevent_thread_lock=True, quiet=True)
        with launched() as browser:
            opened = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
            opened.goto(url)
            opened.wait_for_selector("#footer b")
            use(opened)
            photographed(opened).save(OUT, optimize=True)
            save_tree(studio, Path(folder))
            drawing = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
            draw(drawing, url)
            photographed(drawing).save(CANVAS, optimize=True)
        page.close()
    print(OUT, TREE, CANVAS)


def save_tree(studio: Studio, folder: Path) -> None:
    """Branch once more, and export the tree."""
    bear = studio.runs.of(LOCAL)[-1]
    assert studio.branch(bear, 12, sampler="Euler a", cfg_scale=6.0).result.paths
    tree = Image.open(export_tree(studio.runs.tree(bear), folder / "tree.png")).convert("RGB")
    tree.resize((TREE_WIDTH, tree.height * TREE_WIDTH // tree.width), Image.Resampling.LANCZOS).save(TREE, quality=88)


if __name__ == "__main__":
    main()
