"""Glyph bitmaps of Noto Color Emoji (SIL Open Font License 1.1)."""

from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

STRIKE_PX = 109
"""The one bitmap size the font holds; every glyph is cut from it and scaled."""

FONT_PLACES = (
    Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"),
    Path("/usr/share/fonts/noto/NotoColorEmoji.ttf"),
    Path("/usr/share/fonts/google-noto-color-emoji-fonts/NotoColorEmoji.ttf"),
    Path("NotoColorEmoji.ttf"),
)


def find_font() -> Path:
    """The Noto Color Emoji file on this machine.

    Raises:
        FileNotFoundError: when it is in none of the usual folders.
    """
    for path in FONT_PLACES:
        if path.exists():
            return path
    raise FileNotFoundError(
        "Noto Color Emoji is needed to draw the world: install Debian's "
        "fonts-noto-color-emoji, or put NotoColorEmoji.ttf into this folder."
    )


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(find_font()), STRIKE_PX)


@lru_cache(maxsize=1024)
def glyph_image(glyph: str) -> Image.Image:
    """The glyph as an RGBA picture cropped to what it draws (about 128 px on its long side)."""
    picture = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(picture).text((8, 8), glyph, font=_font(), embedded_color=True)
    box = picture.getbbox()
    if box is None:
        raise ValueError(f"the font draws nothing for {glyph!r}")
    return picture.crop(box)
