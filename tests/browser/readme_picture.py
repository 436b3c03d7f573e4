"""Makes the README's picture: ``make picture``.

The page, photographed after it has painted, and beside it the steps 1, 5, 15 and 30.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from components.page import build, launch
from studio import GenerationRequest, Settings, Studio
from tests.browser.chromium import launched

PROMPT, SEED, STEPS = "a cat on a rainy street at night", 9, 30
SHOWN = (1, 5, 15, 30)
TILE, GAP, LABEL = 188, 16, 22
OUT = Path("assets/readme.png")
GROUND, INK = "#111214", "#eceae4"


def photograph(studio: Studio) -> Image.Image:
    """The page after painting, at 1280 x 800."""
    page = build(studio)
    _, url, _ = launch(page, studio, prevent_thread_lock=True, quiet=True)
    with launched() as browser:
        opened = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="dark")
        opened.goto(url)
        opened.wait_for_selector("#footer b")
        opened.fill("#prompt textarea", PROMPT)
        opened.fill("#steps input[type=number]", str(STEPS))
        opened.click("#seed-mode label:has-text('Locked')")
        opened.fill("#seed input", str(SEED))
        opened.press("#seed input", "Tab")
        opened.click("#paint")
        opened.wait_for_selector('.sw-stage[data-state="finished"]')
        opened.wait_for_timeout(4_000)
        picture = Image.open(io.BytesIO(opened.screenshot()))
        picture.load()
    page.close()
    return picture.convert("RGB")


def main() -> None:
    """Paint, photograph and lay out."""
    with tempfile.TemporaryDirectory() as folder, Studio(Settings(outputs=Path(folder), port=0)) as studio:
        run = studio.submit(GenerationRequest(prompt=PROMPT, seed=SEED, steps=STEPS))
        assert run.result.paths
        tiles = [(run.steps[number - 1], number) for number in SHOWN]
        page = photograph(studio)
        sheet = Image.new("RGB", (page.width + TILE + 2 * GAP, page.height), GROUND)
        sheet.paste(page, (0, 0))
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
        stride = (page.height - GAP) // len(SHOWN)
        side = min(TILE, stride - LABEL - 4)
        for index, (step, number) in enumerate(tiles):
            left, top = page.width + GAP, GAP + index * stride
            tile = Image.open(io.BytesIO(step.preview)).resize((side, side), Image.Resampling.BICUBIC)
            sheet.paste(tile, (left, top))
            draw.text((left, top + side + 3), f"step {number}   sigma {step.sigma:.3g}", fill=INK, font=font)
        sheet.quantize(256).save(OUT, optimize=True)
    print(OUT)


if __name__ == "__main__":
    main()
