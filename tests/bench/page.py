"""Times seen from a real browser."""

from __future__ import annotations

from components.page import build, launch
from studio import Studio
from tests.browser.chromium import launched

TIMER = """
() => new Promise((done) => {
  const image = document.querySelector(".sw-main"), began = performance.now();
  new MutationObserver(() => done((performance.now() - began) / 1000)).observe(image, { attributes: true });
  document.querySelector("#paint").click();
})
"""


SCRUB = """
(decoded) => new Promise((done) => {
  const image = document.querySelector(".sw-main"), began = performance.now();
  const watch = new MutationObserver(() => {
    watch.disconnect();
    requestAnimationFrame(() => done((performance.now() - began) / 1000));
  });
  watch.observe(image, { attributes: true, attributeFilter: ["src"] });
  setTimeout(() => done(NaN), 5000);
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
})
"""
SCRUBS = 15


def scrub_latency(studio: Studio) -> tuple[float, float]:
    """Median seconds from a key press to the step's picture: one that is kept, and the noisy
    picture of one, which has to be decoded first."""
    page = build(studio)
    _, url, _ = launch(page, studio, prevent_thread_lock=True, quiet=True)
    with launched() as browser:
        opened = browser.new_page()
        opened.goto(url)
        opened.wait_for_selector("#footer b")
        opened.click("#paint")
        opened.wait_for_selector('.sw-stage[data-state="finished"]')
        opened.wait_for_timeout(3000)
        kept = sorted(opened.evaluate(SCRUB) for _ in range(SCRUBS))
        # Each fourth step, so that no neighbour was fetched ahead.
        decoded = []
        for index in range(1, 22, 4):
            opened.keyboard.press("1")
            opened.locator(".sw-strip li").nth(index).click()
            opened.wait_for_timeout(400)
            decoded.append(opened.evaluate(SCRUB.replace('"ArrowLeft"', '"2"')))
    page.close()
    return kept[SCRUBS // 2], sorted(decoded)[len(decoded) // 2]


def click_to_preview(studio: Studio) -> float:
    """Seconds from a click on Paint to the first preview in the page, the median of three."""
    page = build(studio)
    _, url, _ = launch(page, studio, prevent_thread_lock=True, quiet=True)
    times = []
    with launched() as browser:
        opened = browser.new_page()
        opened.goto(url)
        opened.wait_for_selector("#footer b")
        for _ in range(3):
            times.append(opened.evaluate(TIMER))
            opened.wait_for_selector('.sw-stage[data-state="finished"]')
            opened.wait_for_timeout(1500)
    page.close()
    return float(sorted(times)[1])
