"""The model menu gets new names without a restart."""

from pathlib import Path

from playwright.sync_api import Page, expect

from studio.models.library import Library
from tests.browser.conftest import Served
from tests.models.test_library import pipeline


def test_a_model_that_is_put_into_a_folder_appears_in_the_menu(page: Page, served: Served, tmp_path: Path) -> None:
    before = served.studio.library
    served.studio.library = Library([tmp_path])
    try:
        pipeline(tmp_path / "deep" / "put-there-later", cross_attention_dim=768)
        served.studio.library.rescan()
        page.locator("#model input").first.click()
        expect(page.get_by_role("option", name="put-there-later")).to_be_visible()
    finally:
        served.studio.library = before
