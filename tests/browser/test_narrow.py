"""The page on a phone: nothing stands empty, and nothing is cut off."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.conftest import Served
from tests.browser.test_timeline import paint

GAP = """() => document.querySelector('.sw-views').getBoundingClientRect().top
  - document.querySelector('.sw-step').getBoundingClientRect().bottom"""


def test_no_empty_row_stands_under_the_status(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    paint(page, served, "a cat in a meadow")
    assert 0 <= page.evaluate(GAP) < 16
