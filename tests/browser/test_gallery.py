"""The gallery as a person uses it: looks, searches, keeps in order, throws away and thinks better of it."""

from __future__ import annotations

import re
import time
import zipfile
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, Request, expect

from studio import GenerationRequest
from studio.gallery.pictures import LOCAL, read_infotext
from studio.gallery.reconcile import reconcile
from tests.browser.conftest import Served

THINGS = ("fox", "cat", "owl", "boat", "house")
COUNT = 70


@pytest.fixture(scope="module")
def filled(served: Served) -> list[str]:
    """Seventy pictures and no others; their prompts, the newest first."""
    collection = served.studio.collection
    for kept in collection.history.page(LOCAL, count=1000):
        collection.file(kept).unlink()
    reconcile(collection, time.time() + 60, lambda: False)
    for seed in range(COUNT):
        request = GenerationRequest(
            prompt=f"a {THINGS[seed % 5]} number {seed}",
            steps=10 + seed,
            seed=seed,
            sampler="Euler a" if seed % 2 else "DDIM",
        )
        picture = Image.new("RGB", (128, 128), f"hsl({seed * 5}, 60%, 45%)")
        ImageDraw.Draw(picture).ellipse((24, 24, 104, 104), f"hsl({seed * 5 + 40}, 70%, 65%)")
        collection.keep(picture, request, 0, run=f"{seed:032x}", owner=LOCAL, model_hash="0a1b")
    return [kept.prompt for kept in collection.history.page(LOCAL, count=COUNT)]


@pytest.fixture
def gallery(page: Page, filled: list[str]) -> Page:
    """The page, turned to the gallery, with pictures in sight."""
    page.get_by_role("tab", name="Gallery").click()
    expect(page.locator(".sw-tile").first).to_be_visible()
    return page


def prompts(page: Page) -> list[str]:
    labels = page.locator(".sw-picture-button").evaluate_all("all => all.map((each) => each.ariaLabel)")
    return [label.rsplit(",", 1)[0] for label in labels]


def test_nothing_of_the_picture_before_is_taken_for_that_of_the_next(gallery: Page, filled: list[str]) -> None:
    gallery.locator(".sw-picture-button").nth(6).click()
    viewer = gallery.get_by_role("dialog")
    expect(viewer.locator(".sw-facts")).to_contain_text("Seed")
    viewer.get_by_label("Tags").fill("mine")
    gallery.route("**/component_server/**", lambda route: route.abort())
    viewer.press("ArrowRight")
    expect(viewer).to_contain_text(filled[7])
    expect(viewer.get_by_label("Tags")).to_have_value("")
    expect(viewer.locator(".sw-facts")).to_be_empty()
    expect(viewer.locator(".sw-download").first).not_to_have_attribute("href", re.compile("."))
    expect(gallery.locator(".sw-undone")).to_contain_text("The studio cannot be reached.")
    gallery.unroute("**/component_server/**")


def test_a_recent_picture_is_shown_large(page: Page, filled: list[str]) -> None:
    page.locator("#recent .thumbnail-item").nth(2).click()
    viewer = page.get_by_role("dialog")
    expect(viewer).to_contain_text(filled[2])
    expect(viewer.locator(".sw-facts")).to_contain_text("Seed")


def thrown_away(page: Page, expected: str) -> None:
    expect(page.locator(".sw-undone")).to_contain_text(expected)


def test_pictures_come_as_the_page_is_scrolled(gallery: Page, filled: list[str]) -> None:
    expect(gallery.locator(".sw-tile img[src^='data:image/jpeg']").first).to_be_visible()
    gallery.locator(".sw-end").scroll_into_view_if_needed()
    expect(gallery.locator(".sw-tile")).to_have_count(COUNT)
    assert prompts(gallery) == filled
    expect(gallery.locator(".sw-state")).to_have_text("70 pictures")


def test_it_grows_on_after_the_connection_was_gone(gallery: Page, filled: list[str]) -> None:
    gallery.reload()
    gallery.wait_for_selector("#footer b")
    gallery.set_viewport_size({"width": 390, "height": 844})
    gallery.get_by_role("tab", name="Gallery").click()
    expect(gallery.locator(".sw-tile")).to_have_count(60)

    def older(asked: Request) -> bool:
        return '"before"' in (asked.post_data or "")

    questions = "**/component_server/**"
    gallery.route(questions, lambda route: route.abort() if older(route.request) else route.continue_())
    with gallery.expect_event("requestfailed", older):
        gallery.locator(".sw-end").scroll_into_view_if_needed()
    gallery.unroute(questions)
    expect(gallery.locator(".sw-tile")).to_have_count(COUNT)


def test_what_is_looked_for_without_a_connection_comes_with_one(gallery: Page) -> None:
    gallery.route("**/component_server/**", lambda route: route.abort())
    with gallery.expect_event("requestfailed"):
        gallery.get_by_role("searchbox", name="Search your prompts").fill("fox numb")
    gallery.unroute("**/component_server/**")
    expect(gallery.locator(".sw-state")).to_have_text("14 pictures")


def test_words_and_filters_narrow_it_down(gallery: Page) -> None:
    gallery.get_by_role("searchbox", name="Search your prompts").fill("fox numb")
    expect(gallery.locator(".sw-state")).to_have_text("14 pictures")
    gallery.get_by_role("button", name="Filters").click()
    gallery.locator("select[name=sampler]").select_option("DDIM")
    expect(gallery.locator(".sw-state")).to_have_text("7 pictures")
    gallery.locator(".sw-filters input[name=seed]").fill("10")
    expect(gallery.locator(".sw-state")).to_have_text("1 picture")
    assert prompts(gallery) == ["a fox number 10"]
    gallery.get_by_role("searchbox", name="Search your prompts").fill('"wolf* AND (')
    expect(gallery.get_by_text("No picture fits")).to_be_visible()
    gallery.get_by_role("button", name="Clear").click()
    expect(gallery.locator(".sw-state")).to_contain_text("60 pictures so far")
    gallery.locator(".sw-filters input[name=until]").fill("2020-01-01")
    expect(gallery.get_by_text("No picture fits")).to_be_visible()


def test_one_is_looked_at_starred_tagged_and_found_by_that(gallery: Page, filled: list[str], served: Served) -> None:
    gallery.get_by_role("button", name=filled[3]).click()
    viewer = gallery.get_by_role("dialog")
    expect(viewer).to_contain_text(filled[3])
    expect(viewer.locator("img")).to_have_attribute("src", re.compile("^data:image/png"))
    gallery.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text(filled[4])
    gallery.keyboard.press("ArrowLeft")
    expect(viewer).to_contain_text(filled[3])
    viewer.get_by_role("button", name="Favourite").click()
    expect(viewer.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    viewer.get_by_label("Tags").fill("best, of  all ,best")
    viewer.get_by_role("button", name="Keep").click()
    expect(viewer.get_by_label("Tags")).to_have_value("best, of all")
    viewer.get_by_text("Infotext").click()
    expect(viewer.locator("pre")).to_contain_text("Steps: ")
    gallery.keyboard.press("Escape")
    expect(gallery.get_by_role("button", name=filled[3])).to_be_focused()
    gallery.get_by_role("button", name="★ Favourites").click()
    expect(gallery.locator(".sw-state")).to_have_text("1 picture")
    gallery.get_by_role("button", name="Filters").click()
    expect(gallery.locator("select[name=tag] option")).to_have_text(["any", "best", "of all"])
    served.studio.collection.history.set_favourite(served.studio.collection.history.page(LOCAL)[3].id, LOCAL, False)


def test_with_the_keys_alone(gallery: Page, filled: list[str], served: Served) -> None:
    gallery.get_by_role("button", name="Select").focus()
    gallery.keyboard.press("Tab")
    expect(gallery.get_by_role("button", name=filled[0])).to_be_focused()
    gallery.keyboard.press("ArrowRight")
    gallery.keyboard.press("ArrowRight")
    gallery.keyboard.press("f")
    star = gallery.locator(".sw-tile").nth(2).get_by_label("Favourite")
    expect(star).to_have_attribute("aria-pressed", "true")
    gallery.keyboard.press("f")
    expect(star).to_have_attribute("aria-pressed", "false")
    gallery.keyboard.press("Delete")
    thrown_away(gallery, "1 picture thrown away")
    expect(gallery.get_by_role("button", name=filled[3])).to_be_focused()
    gallery.get_by_role("button", name="Undo").press("Enter")
    expect(gallery.get_by_role("button", name=filled[2])).to_be_focused()
    third = served.studio.collection.history.page(LOCAL)[2].id
    gallery.keyboard.press("Delete")
    thrown_away(gallery, "1 picture thrown away")
    gallery.get_by_role("button", name="Dismiss").press("Enter")
    expect(gallery.get_by_role("button", name=filled[3])).to_be_focused()
    assert served.studio.collection.bring_back([third], LOCAL) == [third]


def test_several_are_thrown_away_brought_back_and_downloaded(
    gallery: Page, filled: list[str], served: Served, tmp_path: Path
) -> None:
    gallery.get_by_role("button", name="Select").click()
    for prompt in filled[1:3]:
        gallery.get_by_role("button", name=prompt).click()
    expect(gallery.locator(".sw-how-many")).to_have_text("2 selected")
    with gallery.expect_download() as download:
        gallery.get_by_role("button", name="Download zip").click()
    download.value.save_as(tmp_path / "made.zip")
    with zipfile.ZipFile(tmp_path / "made.zip") as made:
        made.extractall(tmp_path)
        assert {read_infotext(tmp_path / name).split("\n")[0] for name in made.namelist()} == set(filled[1:3])
    gallery.get_by_role("button", name="Throw away").first.click()
    thrown_away(gallery, "2 pictures thrown away")
    assert prompts(gallery)[:2] == [filled[0], filled[3]]
    gallery.get_by_role("button", name="Undo").click()
    expect(gallery.get_by_role("button", name=filled[1])).to_be_visible()
    assert [kept.prompt for kept in served.studio.collection.history.page(LOCAL, count=3)] == filled[:3]


def test_when_all_that_is_shown_is_thrown_away_the_older_ones_come(gallery: Page, filled: list[str]) -> None:
    gallery.get_by_role("button", name="Select").click()
    gallery.get_by_role("button", name="All shown").click()
    shown = gallery.locator(".sw-tile").count()
    assert shown < COUNT
    gallery.get_by_role("button", name="Throw away").first.click()
    thrown_away(gallery, f"{shown} pictures thrown away")
    expect(gallery.locator(".sw-tile")).to_have_count(COUNT - shown)
    gallery.get_by_role("button", name="Undo").click()
    expect(gallery.get_by_role("button", name=filled[0])).to_be_visible()


def test_its_settings_fill_the_controls(gallery: Page, filled: list[str]) -> None:
    gallery.get_by_role("button", name=filled[0]).click()
    gallery.get_by_role("button", name="Use settings").click()
    expect(gallery.locator("#prompt textarea")).to_have_value(filled[0])
    expect(gallery.locator("#seed input")).to_have_value(str(COUNT - 1))
    expect(gallery.locator("#steps input[type=number]")).to_have_value(str(9 + COUNT))


def test_another_picture_starts_from_it(gallery: Page, filled: list[str]) -> None:
    gallery.get_by_role("button", name=filled[0]).click()
    gallery.get_by_role("button", name="Start from this").click()
    gallery.wait_for_selector("#boards[data-canvas]")
    expect(gallery.locator("#stage")).to_be_visible()
    assert gallery.evaluate("window.stepwise.canvas.isEmpty()") is False


def test_thrown_away_while_it_is_large_it_can_be_brought_back_there(gallery: Page, filled: list[str]) -> None:
    gallery.get_by_role("button", name=filled[1]).click()
    viewer = gallery.get_by_role("dialog")
    viewer.get_by_role("button", name="Throw away").click()
    expect(viewer).to_contain_text(filled[2])
    viewer.get_by_role("button", name="Undo").click()
    expect(viewer).to_contain_text(filled[1])


def test_the_place_among_many_is_kept_when_one_comes_back_and_when_it_is_looked_at_again(
    gallery: Page, filled: list[str]
) -> None:
    gallery.locator(".sw-end").scroll_into_view_if_needed()
    expect(gallery.locator(".sw-tile")).to_have_count(COUNT)
    late = gallery.get_by_role("button", name=filled[60])
    late.press("Delete")
    thrown_away(gallery, "1 picture thrown away")
    gallery.get_by_role("button", name="Undo").click()
    expect(late).to_be_focused()
    gallery.get_by_role("tab").first.click()
    gallery.get_by_role("tab", name="Gallery").click()
    expect(gallery.locator(".sw-tile")).to_have_count(COUNT)


def test_what_was_thrown_away_is_found_and_brought_back_later(gallery: Page, filled: list[str]) -> None:
    gallery.get_by_role("button", name=filled[4]).press("Delete")
    thrown_away(gallery, "1 picture thrown away")
    gallery.reload()
    gallery.wait_for_selector("#footer b")
    gallery.get_by_role("tab", name="Gallery").click()
    expect(gallery.locator(".sw-tile").first).to_be_visible()
    trash = gallery.get_by_role("button", name="Thrown away")
    trash.click()
    expect(gallery.locator(".sw-state")).to_have_text("1 picture")
    expect(gallery.locator(".sw-tile img")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    gallery.get_by_role("button", name="Filters").click()
    expect(gallery.locator(".sw-filters select[name=sampler] option")).to_have_count(2)  # any, and its own
    gallery.get_by_role("button", name=filled[4]).click()
    viewer = gallery.get_by_role("dialog")
    expect(viewer.locator("img")).to_have_attribute("src", re.compile("^data:image/png"))
    expect(viewer.get_by_role("button", name="Favourite")).to_be_hidden()
    viewer.get_by_role("button", name="Bring back").click()
    expect(gallery.get_by_text("Nothing was thrown away")).to_be_visible()
    trash.click()
    expect(gallery.get_by_role("button", name=filled[4])).to_be_visible()


def test_what_lies_on_the_disk_is_not_served(served: Served, filled: list[str]) -> None:
    collection = served.studio.collection
    (kept,) = collection.history.page(LOCAL, count=1)
    collection.thumbnail(kept)
    inside = [path for path in served.outputs.rglob("*") if path.is_file()]
    assert {"history.sqlite", f"{kept.id}.jpg"} <= {path.name for path in inside}
    of_each_kind = {(path.relative_to(served.outputs).parts[0], path.suffix): path for path in inside}
    client = httpx.Client()
    for path in [*of_each_kind.values(), Path("app.py").resolve(), Path("/etc/passwd")]:
        for name in (
            str(path),
            quote(str(path), safe=""),
            f"..{path}",
            f"/./{path}",
            f"{path}\0.png",
            str(path).upper(),
        ):
            for route in ("file=", "file/", "stream/", "custom_component/"):
                status = client.get(f"{served.url}gradio_api/{route}{quote(name)}").status_code
                assert status in (400, 401, 403, 404, 405, 422), (status, route, name)


def test_what_is_in_a_prompt_is_text(page: Page, filled: list[str], served: Served) -> None:
    collection, evil = (
        served.studio.collection,
        '<img src=x onerror="window.canary=1">"><script>window.canary=1</script>',
    )
    path, _ = collection.keep(
        Image.new("RGB", (64, 64)),
        GenerationRequest(prompt=evil, negative_prompt=evil, seed=1),
        0,
        run="e",
        owner=LOCAL,
        model_hash="",
    )
    (kept,) = collection.history.page(LOCAL, count=1)
    collection.history.set_tags(kept.id, LOCAL, [evil[:40]])
    page.get_by_role("tab", name="Gallery").click()
    page.locator(".sw-picture-button").first.click()
    expect(page.locator(".sw-prompt")).to_have_text(evil)
    expect(page.locator(".sw-facts")).to_contain_text(evil)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Filters").click()
    expect(page.locator("select[name=tag]")).to_contain_text("<img")
    assert page.evaluate("window.canary") is None
    path.unlink()
    collection.settle(kept.id)


def test_on_a_telephone_nothing_sticks_out(gallery: Page, filled: list[str]) -> None:
    gallery.set_viewport_size({"width": 390, "height": 844})
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert gallery.evaluate(wide) <= 0
    gallery.get_by_role("button", name="Filters").click()
    assert gallery.evaluate(wide) <= 0
    gallery.get_by_role("button", name=filled[0]).click()
    expect(gallery.get_by_role("button", name="Start from this")).to_be_visible()
    assert gallery.evaluate(wide) <= 0
