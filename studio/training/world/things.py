"""The things that can stand in a scene: glyphs of Noto Color Emoji with Unicode's names and keywords."""

import json
from dataclasses import dataclass
from pathlib import Path

THINGS_FILE = Path(__file__).with_name("things.json")
"""Written by ``choose_things``; names and keywords are from Unicode's CLDR (licence: see the data card)."""

FLYING = """
butterfly, bee, balloon, rocket, airplane, helicopter, ufo, kite, bat, bird, eagle, dove, cloud, star, ladybird, parrot,
parachute, satellite, planet, fly, mosquito, comet
"""
FLOATING = frozenset(name.strip() for name in FLYING.split(","))
"""Things that hang in the air, with their shadow far below."""


@dataclass(frozen=True)
class Thing:
    """One thing that can stand in a scene."""

    name: str
    glyph: str
    synonyms: tuple[str, ...] = ()

    @property
    def floats(self) -> bool:
        """Whether it hangs in the air."""
        return self.name in FLOATING


def load() -> dict[str, Thing]:
    """All things by name."""
    rows = json.loads(THINGS_FILE.read_text(encoding="utf-8"))
    return {row["name"]: Thing(row["name"], row["glyph"], tuple(row["synonyms"])) for row in rows}


ALL = load()
