"""What helps with a prompt, in a real browser: styles, alternatives, the count of tokens."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from studio.gallery.pictures import LOCAL
from tests.browser.conftest import WAIT_MS, Served


def test_a_style_and_a_wildcard_are_painted(page: Page, served: Served) -> None:
    folder = served.outputs / "wildcards"
    folder.mkdir(exist_ok=True)
    (folder / "animal.txt").write_text("cat\ndog\n")
    (served.outputs / "styles.csv").write_text("name,prompt\nOn the moon,{prompt} on the moon\n")
    page.locator("#prompt textarea").fill("a __animal__ AND a {red|blue} boat")
    page.locator("#styles input").click()
    page.get_by_role("option", name="On the moon").click()
    page.locator("#steps input[type=number]").fill("3")
    page.locator("#paint").click()
    expect(page.locator(".sw-stage")).to_have_attribute("data-state", "finished", timeout=WAIT_MS)
    (run,) = served.studio.runs.of(LOCAL)
    animal, colour = run.request.prompt.split()[1], run.request.prompt.split()[4]
    assert animal in ("cat", "dog")
    assert colour in ("red", "blue")
    assert run.request.prompt.endswith("boat on the moon")
    assert run.request.template == "a __animal__ AND a {red|blue} boat on the moon"


def test_a_wildcard_that_is_not_there_is_told(page: Page) -> None:
    page.locator("#prompt textarea").fill("a __unicorn__")
    page.locator("#paint").click()
    expect(page.locator(".sw-message")).to_contain_text("There is no wildcard of the name 'unicorn'", timeout=WAIT_MS)


def test_the_count_tells_where_a_chunk_ends(page: Page) -> None:
    count = page.locator(".sw-count").first
    page.locator("#prompt textarea").fill("a cat")
    expect(count).to_have_text("2 / 30 tokens", timeout=WAIT_MS)
    page.locator("#prompt textarea").fill(", ".join(["a cat on the street at night"] * 5))
    expect(count).to_contain_text("/ 60 tokens · a further chunk begins at “a cat on”", timeout=WAIT_MS)


def test_clip_skip_is_there_for_the_embedded_model(page: Page) -> None:
    expect(page.locator("#clip-skip input[type=number]")).to_have_value("1")
    expect(page.locator("#clip-skip input[type=range]")).to_have_attribute("max", "3", timeout=WAIT_MS)


def test_tab_completes_a_beginning_and_leaves_a_whole_word(page: Page) -> None:
    prompt = page.locator("#prompt textarea")
    prompt.fill("")
    prompt.press_sequentially("a pengu")
    expect(page.locator(".sw-completions button").first).to_have_text("penguin")
    prompt.press("Tab")
    expect(prompt).to_have_value("a penguin")
    expect(prompt).to_be_focused()
    prompt.fill("")
    prompt.press_sequentially("a cat")
    prompt.press("Tab")
    expect(prompt).to_have_value("a cat")
    expect(prompt).not_to_be_focused()


def test_a_key_that_is_held_paints_once(page: Page, served: Served) -> None:
    page.locator("#steps input[type=number]").fill("2")
    page.locator("#prompt textarea").focus()
    page.keyboard.down("Control")
    for _ in range(5):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    page.keyboard.up("Control")
    expect(page.locator(".sw-stage")).to_have_attribute("data-state", "finished", timeout=WAIT_MS)
    assert len(served.studio.runs.of(LOCAL)) == 1
