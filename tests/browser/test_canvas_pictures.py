"""Pictures and masks brought to the canvas, and pictures extended."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.drawn import Canvas, drawn, harness, png

__all__ = ["drawn", "harness"]


def extend(drawn: Canvas, pixels: int, *sides: str) -> None:
    """With the panel, as a person does it."""
    drawn.page.click('.sw-rail [data-opens="extend"]')
    drawn.page.fill("[name=pixels]", str(pixels))
    for side in ("left", "top", "right", "bottom"):
        drawn.page.locator(f'[name=side][value="{side}"]').set_checked(side in sides)
    drawn.page.click("[data-panel=extend] button")
    drawn.wait("extend")


def test_extending_twice_shifts_the_picture_and_masks_what_is_new(drawn: Canvas) -> None:
    drawn.open(Image.new("RGB", (200, 100), "red"))
    drawn.brush("mask", 20)
    drawn.stroke((100, 50), (101, 50))
    extend(drawn, 64, "left", "top")
    extend(drawn, 32, "right")
    assert drawn.size == (296, 164)
    mask, picture = drawn.pixels(), drawn.pixels("picture")
    expected = np.zeros((164, 296), np.uint8)
    expected[:72] = expected[:, :72] = expected[:, 256:] = 255
    yy, xx = np.mgrid[:164, :296]
    dot = np.hypot(xx + 0.5 - 164.5, yy + 0.5 - 114) < 12
    assert (mask[~dot] == expected[~dot]).all()
    assert mask[114, 164] == 255
    assert (picture[64:, 64:264] == (255, 0, 0)).all()
    assert (picture[:64] == 128).all()
    assert (picture[:, :64] == 128).all()
    assert (picture[:, 264:] == 128).all()
    drawn.press("Control+z", "undo")
    drawn.press("Control+z", "undo")
    assert drawn.size == (200, 100)
    assert drawn.pixels()[50, 100] == 255
    assert drawn.pixels()[:20].max() == 0


BRING = """
([content, kind]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0)), data = new DataTransfer();
  if (kind === "drag") data.setData("text/uri-list", `data:image/png;base64,${content}`);
  else data.items.add(new File([bytes], "made.png", { type: "image/png" }));
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector(".sw-sheet").dispatchEvent(event);
}
"""


@pytest.mark.parametrize("kind", ["paste", "drop", "drag"])
def test_a_picture_is_pasted_dropped_or_dragged_from_the_page_and_can_be_undone(drawn: Canvas, kind: str) -> None:
    drawn.brush("mask", 30)
    drawn.stroke((100, 100), (120, 100))
    drawn.page.locator(".sw-sheet").focus()
    content = base64.b64encode(png(Image.new("RGB", (64, 48), (10, 200, 30)))).decode()
    drawn.page.evaluate(BRING, [content, kind])
    drawn.wait("open")
    assert drawn.size == (64, 48)
    assert (drawn.pixels("picture") == (10, 200, 30)).all()
    assert drawn.layers.mask is None
    drawn.press("Control+z", "undo")
    assert drawn.pixels()[100, 110] == 255


def test_a_picture_of_the_same_size_keeps_mask_and_lines(drawn: Canvas) -> None:
    drawn.brush("mask", 30)
    drawn.stroke((100, 100), (120, 100))
    drawn.brush("colour", 30)
    drawn.stroke((100, 300), (120, 300))
    drawn.open(Image.new("RGB", (512, 512), "blue"))
    assert drawn.pixels()[100, 110] == 255
    assert (drawn.pixels("picture") == (0, 0, 255)).all()


def test_the_browser_keeps_the_last_40_pictures_and_the_mask_through_all(drawn: Canvas) -> None:
    drawn.open(Image.new("RGB", (32, 32)))
    drawn.brush("mask", 4)
    drawn.stroke((8, 8), (24, 8))
    for at in range(45):
        drawn.open(Image.new("RGB", (32, 32), (at, 0, 0)))
    for _ in range(39):
        drawn.press("Control+z", "undo")
    expect(drawn.page.locator('[data-command="undo"]')).to_be_disabled()
    assert drawn.pixels()[8, 16] == 255
    assert tuple(drawn.pixels("picture")[16, 16]) == (5, 0, 0)


def test_a_large_photograph_opens_upright_and_reaches_python_whole(drawn: Canvas, tmp_path: Path) -> None:
    photo = Image.new("RGB", (6000, 4000), "navy")
    photo.paste("red", (0, 0, 3000, 4000))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    photo.save(tmp_path / "photo.jpg", exif=exif)
    drawn.page.set_input_files(".sw-file", tmp_path / "photo.jpg")
    drawn.wait("open")
    assert drawn.size == (4000, 6000)
    drawn.brush("mask", 800)
    drawn.stroke((2000, 4500), (2100, 4500))
    picture, mask = drawn.pixels("picture"), drawn.pixels()
    assert picture.shape == (6000, 4000, 3)
    assert picture[1000, 2000][0] > 200, "its left half is now at the top"
    assert picture[5000, 2000][0] < 60
    assert mask[4500, 2050] == 255
    assert mask[3000, 2050] == 0


def test_a_picture_beyond_24_megapixels_is_scaled_down_and_said(drawn: Canvas, tmp_path: Path) -> None:
    Image.new("RGB", (9000, 4000), "navy").save(tmp_path / "huge.jpg")
    drawn.page.set_input_files(".sw-file", tmp_path / "huge.jpg")
    drawn.wait("open")
    width, height = drawn.size
    assert width * height <= 24_000_000
    assert abs(width / height - 9 / 4) < 0.01
    expect(drawn.page.locator(".sw-says")).to_contain_text("Scaled down")


@pytest.mark.parametrize("kind", ["luminance", "alpha"])
def test_a_mask_is_loaded_from_a_picture(drawn: Canvas, tmp_path: Path, kind: str) -> None:
    half = Image.new("L", (64, 64), 0)
    half.paste(128, (0, 0, 32, 64))
    nine = half.point(lambda _: 9)
    picture = half if kind == "luminance" else Image.merge("RGBA", (nine, nine, nine, half))
    picture.save(tmp_path / "mask.png")
    drawn.page.set_input_files(".sw-mask-file", tmp_path / "mask.png")
    drawn.wait("mask")
    mask = drawn.pixels()
    assert mask.shape == (512, 512)
    assert abs(int(mask[256, 100]) - 128) <= 1
    assert mask[256, 400] == 0


def test_what_is_no_picture_is_said_and_changes_nothing(drawn: Canvas, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    drawn.page.set_input_files(".sw-file", tmp_path / "broken.png")
    expect(drawn.page.locator(".sw-says")).to_contain_text("no picture")
    assert drawn.size == (512, 512)
    assert drawn.page.evaluate("window.stepwise.canvas.isEmpty()")
    drawn.brush("mask", 40)
    drawn.stroke((100, 100), (200, 100))
    expect(drawn.page.locator(".sw-says")).to_have_text("")
    assert drawn.page.evaluate("window.stepwise.canvas.isEmpty()") is False
