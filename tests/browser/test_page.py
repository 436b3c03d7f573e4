"""The page as a person uses it, in a real browser, on the embedded model."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from studio.gallery import infotext, pictures
from tests.browser.conftest import Served

WATCH_STAGE = """
() => {
  window.seen = new Set();
  window.tops = new Set();
  const image = document.querySelector(".sw-main");
  new MutationObserver(() => {
    if (document.querySelector(".sw-stage").dataset.state === "painting") {
      window.seen.add(image.src);
      window.tops.add(document.querySelector(".sw-strip").getBoundingClientRect().top);
    }
  }).observe(image, { attributes: true, attributeFilter: ["src"] });
}
"""


DROP = """
(content) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "made.png", { type: "image/png" }));
  document.querySelector("#stage").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}
"""


def set_number(page: Page, name: str, value: float) -> None:
    field = page.locator(f"#{name} input[type=number]")
    field.fill(str(value))
    field.press("Tab")


def finished(page: Page) -> None:
    page.wait_for_selector('.sw-stage[data-state="finished"]')


def newest(served: Served) -> Path:
    return served.studio.collection.recent(pictures.LOCAL, 1)[0]


def test_a_prompt_becomes_a_picture_with_every_step_in_sight(page: Page, served: Served) -> None:
    page.fill("#prompt textarea", "a fox in a forest")
    set_number(page, "steps", 12)
    page.click("#seed-mode label:has-text('Locked')")
    set_number(page, "seed", 11)
    page.evaluate(WATCH_STAGE)
    page.click("#paint button, button#paint")
    finished(page)
    assert len(page.evaluate("[...window.seen]")) >= 6
    assert len(page.evaluate("[...window.tops]")) == 1, "the strip moved while the picture was painted"
    expect(page.locator(".sw-strip li")).to_have_count(12)
    expect(page.locator(".sw-step")).to_have_text("Step 12 of 12")
    expect(page.locator("#recent img").first).to_be_visible()
    found = infotext.to_fields(infotext.parse(pictures.read_infotext(newest(served))))
    asked = {"prompt": "a fox in a forest", "steps": 12, "seed": 11, "width": 128, "height": 128, "cfg_scale": 2.5}
    assert found | asked | {"sampler": "DPM++ 2M", "schedule": "Automatic"} == found


def test_keys_paint_scrub_and_stop(page: Page, served: Served) -> None:
    before = len(served.studio.collection.recent(pictures.LOCAL, 99))
    set_number(page, "steps", 150)
    page.focus("#prompt textarea")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector('.sw-stage[data-state="painting"]')
    page.wait_for_function("document.querySelectorAll('.sw-strip li img[src]').length > 1")
    page.keyboard.press("Escape")
    page.wait_for_selector('.sw-stage[data-state="stopped"]')
    assert len(served.studio.collection.recent(pictures.LOCAL, 99)) == before
    page.focus(".sw-strip")
    last = page.locator(".sw-step").inner_text()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".sw-step")).not_to_have_text(last)


def test_escape_closes_completions_or_a_menu_and_stops_no_run(page: Page, served: Served) -> None:
    set_number(page, "steps", 150)
    page.fill("#prompt textarea", "")
    page.focus("#prompt textarea")
    page.keyboard.type("a cat on a b")
    expect(page.locator(".sw-completions button").first).to_be_visible()
    page.keyboard.press("Control+Enter")
    page.wait_for_selector('.sw-stage[data-state="painting"]')
    page.keyboard.press("Escape")
    expect(page.locator(".sw-completions")).to_be_hidden()
    page.locator("#sampler input").click()
    expect(page.locator("#sampler input")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#sampler input")).to_have_attribute("aria-expanded", "false")
    painted = page.locator(".sw-strip li img[src]").count()
    more = "(painted) => document.querySelectorAll('.sw-strip li img[src]').length > painted + 9"
    page.wait_for_function(more, arg=painted)
    page.keyboard.press("Escape")
    page.wait_for_selector('.sw-stage[data-state="stopped"]')


def test_paint_while_painting_comes_next_and_nothing_is_lost(page: Page, served: Served) -> None:
    set_number(page, "steps", 20)
    for thing in ("cat", "dog", "fox"):
        page.fill("#prompt textarea", f"a {thing} waiting in line")
        page.click("button#paint")
    expect(page.locator(".sw-row")).to_have_count(3, timeout=90_000)
    expect(page.locator(".sw-open[aria-current=true]")).to_contain_text("fox", timeout=90_000)
    finished(page)
    cat, dog, fox = served.studio.runs.of(pictures.LOCAL)[-3:]
    assert [run.request.prompt.split()[1] for run in (cat, dog, fox)] == ["cat", "dog", "fox"]
    assert all(run.succeeded for run in (cat, dog, fox))


def test_a_stop_ends_the_whole_batch(page: Page, served: Served) -> None:
    set_number(page, "steps", 100)
    page.get_by_label("Batch count").fill("3")
    page.get_by_label("Batch count").press("Tab")
    page.click("button#paint")
    page.wait_for_function("document.querySelectorAll('.sw-strip li img[src]').length > 1")
    page.click(".sw-stop")
    page.wait_for_selector('.sw-stage[data-state="stopped"]')
    page.wait_for_function("!document.querySelector('.sw-stage').matches('[aria-busy=true]')")
    assert served.studio.engine is not None
    assert served.studio.engine.runs == []
    assert served.studio.queue_length == 0


def test_a_dropped_picture_fills_the_settings(page: Page, served: Served, tmp_path: Path) -> None:
    settings = "Steps: 31, Sampler: Euler a, Schedule type: Karras, CFG scale: 3.5, Seed: 99, Size: 160x96"
    text = f"a tent on a beach\nNegative prompt: rain\n{settings}"
    path = pictures.save(Image.new("RGB", (8, 8)), text, tmp_path, "local", "made-elsewhere")
    page.evaluate(DROP, base64.b64encode(path.read_bytes()).decode())
    expect(page.locator("#prompt textarea")).to_have_value("a tent on a beach")
    expect(page.locator("#negative textarea")).to_have_value("rain")
    expect(page.locator("#steps input[type=number]")).to_have_value("31")
    expect(page.locator("#sampler input")).to_have_value("Euler a")
    expect(page.locator("#schedule input")).to_have_value("Karras")
    expect(page.locator("#width input")).to_have_value("160")
    expect(page.locator("#seed input")).to_have_value("99")


def test_a_request_outside_the_limits_is_refused_with_what_to_change(page: Page, served: Served) -> None:
    assert served.studio.engine is not None
    before = served.studio.engine.forwards
    set_number(page, "width", 130)
    page.click("button#paint")
    expect(page.locator(".sw-message")).to_have_text(re.compile("Width must be a multiple of 8"))
    assert served.studio.engine.forwards == before


def test_advice_stands_beside_the_control(page: Page) -> None:
    set_number(page, "steps", 4)
    expect(page.get_by_text("20 to 50 is where")).to_be_visible()


def test_a_closed_tab_puts_its_run_aside(page: Page, served: Served) -> None:
    assert served.studio.engine is not None
    set_number(page, "steps", 150)
    page.click("button#paint")
    page.wait_for_selector('.sw-stage[data-state="painting"]')
    run = served.studio.engine.runs[0]
    page.close()
    assert type(list(run)[-1]).__name__ == "Paused"


@pytest.mark.parametrize("width", [390, 768, 1440, 2560])
def test_the_layout_holds_at_every_width(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_function(f"document.documentElement.clientWidth <= {width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("#paint", "#stage", "#prompt"):
        box = page.locator(name).first.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width + 1
    stage, scrub = (page.locator(name).bounding_box() for name in (".sw-views", ".sw-scrub"))
    assert stage
    assert scrub
    assert scrub["x"] + scrub["width"] <= stage["x"] + stage["width"] + 1


def test_every_control_has_a_name_and_buttons_fit_a_thumb(page: Page) -> None:
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("#studio :is(button, input, textarea)")]
             .filter((item) => item.offsetParent && !item.labels?.length && !item.ariaLabel && !item.title
               && !item.textContent.trim() && !item.getAttribute("aria-labelledby"))
             .map((item) => item.outerHTML.slice(0, 120))"""
    )
    assert unnamed == []
    for name in ("#paint", ".sw-stop", ".sw-play", ".sw-theme"):
        box = page.locator(name).first.bounding_box()
        assert box is not None
        assert box["height"] >= 44


def test_a_word_is_completed_and_an_unknown_one_is_named(page: Page) -> None:
    page.fill("#prompt textarea", "")
    page.focus("#prompt textarea")
    page.keyboard.type("a cat in Atlantis on a b")
    expect(page.locator(".sw-completions button").first).to_have_text("on a beach")
    expect(page.get_by_text("never seen: “Atlantis”")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#prompt textarea")).to_have_value("a cat in Atlantis on a beach")
    page.keyboard.type(" at n")
    page.locator(".sw-completions button", has_text="at night").click()
    expect(page.locator("#prompt textarea")).to_have_value("a cat in Atlantis on a beach at night")


def test_paint_is_pressed_right_after_typing(page: Page) -> None:
    """What the column says of a new prompt must not move the button from under the hand."""
    page.fill("#prompt textarea", "")
    page.focus("#prompt textarea")
    page.keyboard.type("a cat in Atlantis on a b")
    expect(page.locator(".sw-completions button").first).to_be_visible()
    box = page.locator("#paint").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 4)
    page.mouse.down()
    expect(page.locator(".sw-completions")).to_be_hidden()
    expect(page.get_by_text("never seen: “Atlantis”")).to_be_visible()
    assert page.locator("#paint").bounding_box() == box
    page.mouse.up()
    finished(page)


def test_how_it_works_noises_a_picture_and_lets_the_model_bring_it_back(page: Page, served: Served) -> None:
    page.get_by_role("tab", name="How it works").click()
    expect(page.locator("#how-shown")).to_contain_text("timestep 250")
    set_number(page, "how-timestep", 400)
    expect(page.locator("#how-shown")).to_contain_text("timestep 400")
    expect(page.locator("#how-shown")).to_contain_text("8 × 16 × 16 = 2,048 numbers")
    expect(page.locator(".sw-spaces img")).to_have_count(3)
    page.click("#how-back")
    finished(page)
    run = served.studio.runs.of(pictures.LOCAL)[-1]
    assert run.request.strength == 0.4
    assert run.forward is not None
    expect(page.locator(".sw-strip li.sw-forward").first).to_be_visible()


def test_the_model_card_is_in_the_page(page: Page) -> None:
    page.get_by_role("tab", name="Models").click()
    page.get_by_role("button", name="The embedded model's card").click()
    expect(page.locator("#card")).to_contain_text("Model card")
    expect(page.locator("#card-samples img")).to_be_visible()
