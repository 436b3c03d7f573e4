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
