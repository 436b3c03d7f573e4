"""The canvas's document as pure functions of its operations, run where they run: in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from components.stage import ASSETS

ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
SIDES = ("left", "top", "right", "bottom")

extensions = st.fixed_dictionaries({"kind": st.just("extend")} | {side: st.integers(0, 200) for side in SIDES})
layers = st.sampled_from(["mask", "colour", "sketch"])
drawings = st.fixed_dictionaries({"kind": st.sampled_from(["stroke", "fill", "clear"]), "layer": layers})
sizes = {"width": st.integers(16, 600), "height": st.integers(16, 600)}
images = st.fixed_dictionaries({"kind": st.just("image"), "picture": st.just("p"), "keeps": st.just(False)} | sizes)
replacements = st.fixed_dictionaries({"kind": st.just("image"), "picture": st.just("p"), "keeps": st.just(True)})
operations = st.lists(extensions | drawings | images, max_size=12)
Operation = dict[str, Any]


@pytest.fixture(scope="module")
def pure(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.add_script_tag(path=ASSETS / "canvas" / "document.js")
    yield page
    page.close()


def ask(pure: Page, expression: str, *given: Any) -> Any:
    return pure.evaluate(f"([a, b, c]) => {expression}", [*given, None, None][:3])


def begun(made: list[Operation]) -> list[Operation]:
    return [{"kind": "new", "width": 64, "height": 48}, *made]


@ANY
@given(made=operations)
def test_the_size_is_the_last_pictures_and_what_was_added_since(pure: Page, made: list[Operation]) -> None:
    width, height = 64, 48
    for each in made:
        if each["kind"] == "image":
            width, height = each["width"], each["height"]
        elif each["kind"] == "extend":
            width, height = width + each["left"] + each["right"], height + each["top"] + each["bottom"]
    assert ask(pure, "sizeOf(a)", begun(made)) == {"width": width, "height": height}


@ANY
@given(made=operations, layer=layers)
def test_what_was_drawn_moves_with_every_later_extension(pure: Page, made: list[Operation], layer: str) -> None:
    whole = begun(made)
    found = ask(pure, "placed(a, b).map((each) => ({ at: a.indexOf(each.operation), ...each }))", whole, layer)
    size = ask(pure, "sizeOf(a)", whole)
    for each in found:
        later = [one for one in whole[each["at"] + 1 :] if one["kind"] == "extend"]
        assert each["x"] == sum(one["left"] for one in later)
        assert each["y"] == sum(one["top"] for one in later)
        assert each["x"] + each["width"] + sum(one["right"] for one in later) == size["width"]
        assert each["y"] + each["height"] + sum(one["bottom"] for one in later) == size["height"]


@ANY
@given(made=operations, layer=layers)
def test_only_what_can_still_be_seen_is_drawn(pure: Page, made: list[Operation], layer: str) -> None:
    whole = begun(made)
    ends = [
        at
        for at, each in enumerate(whole)
        if each["kind"] in ("new", "image") or (each["kind"] in ("fill", "clear") and each["layer"] == layer)
    ]
    wanted = [
        at
        for at in range(ends[-1], len(whole))
        if whole[at].get("layer") == layer or (whole[at]["kind"] == "extend" and layer == "mask")
    ]
    assert ask(pure, "placed(a, b).map((each) => a.indexOf(each.operation))", whole, layer) == wanted


@ANY
@given(made=operations, steps=st.lists(st.booleans(), max_size=12))
def test_redo_takes_back_undo_and_drawing_forgets_it(pure: Page, made: list[Operation], steps: list[bool]) -> None:
    document = {"operations": begun(made), "undone": []}
    for back in steps:
        able = ask(pure, "canUndo(a)" if back else "canRedo(a)", document)
        assert able == (len(document["operations"]) > 1 if back else bool(document["undone"]))
        if able:
            document = ask(pure, "withoutLast(a)" if back else "withUndone(a)", document)
    assert [*document["operations"], *reversed(document["undone"])] == begun(made)
    drawn = ask(pure, "added(a, b)", document, {"kind": "invert", "layer": "mask"})
    assert drawn["undone"] == []
    assert drawn["operations"][:-1] == document["operations"]


@ANY
@given(made=st.lists(extensions | drawings | images | replacements, max_size=16), most=st.integers(1, 3))
def test_forgetting_old_pictures_changes_nothing_that_is_seen(pure: Page, made: list[Operation], most: int) -> None:
    whole = begun(fitting(made))
    before, after = (f"['picture', ...LAYERS].map((layer) => placed({name}, layer))" for name in ("a", "settled(a, b)"))
    plain = "((found) => JSON.stringify(found, (name, value) => (name === 'settled' ? undefined : value)))"
    pure.evaluate("window.LAYERS = ['mask', 'colour', 'sketch']")
    assert ask(pure, f"{plain}({before}) === {plain}({after})", whole, most)
    assert ask(pure, "sizeOf(settled(a, b))", whole, most) == ask(pure, "sizeOf(a)", whole)
    left = [each for each in ask(pure, "settled(a, b)", whole, most) if each["kind"] == "image"]
    if not any(each["kind"] == "extend" for each in whole):
        assert len(left) <= most


def fitting(made: list[Operation]) -> list[Operation]:
    """Pictures that keep mask and lines get the size the document has, as they do on the page."""
    width, height, found = 64, 48, []
    for each in made:
        fits = each | ({"width": width, "height": height} if each.get("keeps") else {})
        if each["kind"] == "image":
            width, height = fits["width"], fits["height"]
        elif each["kind"] == "extend":
            width, height = width + each["left"] + each["right"], height + each["top"] + each["bottom"]
        found.append(fits)
    return found


@ANY
@given(extension=extensions, width=st.integers(16, 400), height=st.integers(16, 400))
def test_the_new_area_reaches_into_the_old_where_it_grew(
    pure: Page, extension: Operation, width: int, height: int
) -> None:
    whole = [{"kind": "new", "width": width, "height": height}, extension]
    placed = ask(pure, "placed(a, 'mask').at(-1)", whole)
    inner = ask(pure, "extension(a).inner", placed)
    grown = {side: extension[side] + 8 if extension[side] else 0 for side in SIDES}
    assert (inner["x"], inner["y"]) == (grown["left"], grown["top"])
    assert inner["width"] == max(0, placed["width"] - grown["left"] - grown["right"])
    assert inner["height"] == max(0, placed["height"] - grown["top"] - grown["bottom"])


@ANY
@given(width=st.integers(16, 100_000), height=st.integers(16, 100_000))
def test_a_picture_opens_at_its_size_or_scaled_to_what_fits(pure: Page, width: int, height: int) -> None:
    found = ask(pure, "openedSize(a, b)", width, height)
    assert max(found.values()) <= 8192
    assert found["width"] * found["height"] <= 24_000_000
    if max(width, height) <= 8192 and width * height <= 24_000_000:
        assert found == {"width": width, "height": height}
    elif min(found.values()) >= 16:
        assert ask(pure, "allowedSize(a, b)", found["width"], found["height"])
        assert abs(found["width"] / width - found["height"] / height) <= 1 / min(width, height)
