"""The page on a phone: nothing stands empty, and nothing is cut off."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Served
from tests.browser.test_timeline import paint

GAP = """() => document.querySelector('.sw-views').getBoundingClientRect().top
  - document.querySelector('.sw-step').getBoundingClientRect().bottom"""


def test_no_empty_row_stands_under_the_status(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    paint(page, served, "a cat in a meadow")
    assert 0 <= page.evaluate(GAP) < 16


def test_paint_and_branch_are_within_reach_wherever_one_has_scrolled_to(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    paint(page, served, "a cat in a meadow")
    expect(page.locator("#branch")).to_be_hidden()
    page.locator(".sw-strip li").nth(3).click()
    for top in (0, 1_000, 10_000):
        page.evaluate("(top) => window.scrollTo(0, top)", top)
        for button in ("#paint", "#branch"):
            expect(page.locator(button)).to_be_in_viewport(ratio=1)
