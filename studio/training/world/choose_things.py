"""Choose the things of the world: ``python -m studio.training.world.choose_things EMOJI_TEST ANNOTATIONS``.

Reads two files of the Unicode Consortium, ``emoji-test.txt`` (Debian's unicode-data) and CLDR's English
annotations ``en.xml`` (Debian's unicode-cldr-core), and writes ``things.json``: glyph, name and synonyms.
Left out are signs, flags, letters, people, and glyphs that are whole landscapes.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from studio.training.world.things import THINGS_FILE

NEWEST = 14.0
"""The newest emoji version that fonts in common use can draw."""

SUBGROUPS = {
    "animal-mammal", "animal-bird", "animal-amphibian", "animal-reptile", "animal-marine", "animal-bug",
    "plant-flower", "plant-other", "food-fruit", "food-vegetable", "food-prepared", "food-asian", "food-marine",
    "food-sweet", "drink", "dishware", "place-building", "place-religious", "place-other", "transport-ground",
    "transport-water", "transport-air", "hotel", "time", "sky & weather", "event", "award-medal", "sport", "game",
    "arts & crafts", "clothing", "music", "musical-instrument", "phone", "computer", "light & video", "book-paper",
    "money", "mail", "writing", "office", "lock", "tool", "science", "medical", "household", "other-object",
    "face-costume", "face-hat", "face-glasses", "face-affection", "face-sleepy", "place-geographic",
}  # fmt: skip

LEFT_OUT = re.compile(
    r"o’clock|thirty|sunrise|sunset|cityscape|at night|fogg?y?$|night|milky|moon face|quarter|gibbous|new moon|"
    r"station|"
    r"motorway|railway track|stop sign|barber|hot springs|arrow$|with arrow|banknote|yen|card index|bookmark|label|"
    r"ballot|e-mail|tray|prohibited|medal$|suit$|joker|mahjong|flower playing|ticket|police car light|traffic light|"
    r"bus stop|departure|arrival|wing$|paw prints|pig nose|oncoming|wilted|rosette|microbe|poo|skull|crossbones|"
    r"drop of blood|cigarette|coffin|headstone|funeral|nazar|hamsa|placard|identification|syringe|water pistol|bomb|"
    r"dagger|x-ray|briefs|bikini|kiss|map|globe|building construction|post office|love hotel|bank$|hospital|"
    r"convenience|kaaba|Tokyo|wedding|mount fuji|sunny|beach|^desert|national park|camping|lowered flag|open mailbox|"
    r"incoming|linked|chart|calendar|musical notes?$|musical score|speaker|bell with|level slider|control knobs|"
    r"low battery|locked with|facing up|page with|film frames|money with|credit|receipt|service dog|guide dog|"
    r"flag in hole|curling|reminder|thermometer|tears|sleepy|relieved|pensive|drooling|halo|martial|swimsuit|"
    r"woman’s sandal|empty nest|hole|place medal|cloud with snow|sun behind|wood$|collision|tilted right|pouring|"
    r"clinking|empty|front-facing|closed mailbox|memo|clipboard|file|dividers|notepad|tear-off|straight ruler|link$|"
    r"hook|waxing|waning|rain drops|^snowman$|rolled|with flash|decorative|nib$|hourglass done|unlocked|moai|"
    r"manual|motorized|mountain$|cut of meat|rice cracker|kiwi|beverage box|tumbler|jar$|Japanese|railway car|"
    r"metro|"
    r"light rail|tram car|minibus|mountain railway|suspension|cableway|seat|oil drum|toilet|plunger|razor|soap$|"
    r"nut and bolt|clamp|chains|thong|flat shoe|hair pick|prayer|sari|shorts|lab coat|safety vest|wind face|dna|petri"
)

NAMES = {
    "spouting whale": "whale", "whale": "blue whale", "sauropod": "dinosaur", "T-Rex": "tyrannosaurus",
    "deciduous tree": "tree", "evergreen tree": "fir tree", "red apple": "apple", "birthday cake": "cake",
    "soft ice cream": "ice cream", "ice cream": "sundae", "automobile": "car", "sailboat": "boat",
    "locomotive": "train", "train": "electric train", "honeybee": "bee", "lady beetle": "ladybird",
    "piñata": "pinata", "snowman without snow": "snowman", "sheaf of rice": "rice plant",
    "jack-o-lantern": "pumpkin", "wrapped gift": "gift", "pool 8 ball": "billiard ball", "game die": "dice",
    "locked": "padlock", "unlocked": "open padlock", "articulated lorry": "lorry",
    "sport utility vehicle": "jeep", "closed book": "book", "hot beverage": "coffee", "steaming bowl": "noodle soup",
    "french fries": "fries", "ear of corn": "corn", "poultry leg": "chicken leg",
    "meat on bone": "meat", "cheese wedge": "cheese", "passenger ship": "ocean liner", "flying saucer": "ufo",
    "closed mailbox with raised flag": "mailbox", "closed umbrella": "folded umbrella", "droplet": "drop",
    "high voltage": "lightning bolt",
    "magnifying glass tilted left": "magnifying glass", "ringed planet": "planet", "smiling face with sunglasses":
    "cool face", "smiling face with hearts": "loving face", "smiling face with heart-eyes": "heart-eyed face",
}  # fmt: skip
"""Plainer names than Unicode's; its own name stays as a synonym."""

EVERYDAY = {
    "cat": ("kitty", "kitten"), "dog": ("puppy", "hound"), "rabbit": ("bunny", "hare"), "cow": ("cattle",),
    "pig": ("piglet", "hog"), "monkey": ("ape",), "duck": ("mallard",), "frog": ("toad",), "turtle": ("tortoise",),
    "dinosaur": ("brontosaurus",), "tree": ("oak",), "mushroom": ("toadstool",), "car": ("automobile", "red car"),
    "bicycle": ("bike",), "boat": ("sailing boat",), "rocket": ("spaceship",), "train": ("steam engine", "locomotive"),
    "house": ("home", "cottage"), "balloon": ("red balloon",), "horse": ("pony", "stallion"), "ewe": ("sheep", "lamb"),
    "doughnut": ("donut",), "hamburger": ("burger",), "airplane": ("plane", "aeroplane"), "ladybird": ("ladybug",),
    "castle": ("fortress",), "chicken": ("hen",), "robot": ("android",), "ufo": ("alien spaceship",),
}  # fmt: skip
"""What people call them; these words come before any other claim to them."""

SPOKEN_FOR = re.compile(
    r"^(face|animal|plant|vehicle|food|drink|sport|game|ball|building|tool|clothing|flower|fruit|vegetable|weather|"
    r"rain|snow|fog|sun|moon|night|day|morning|evening|cold|hot|red|green|blue|black|white|orange|yellow|purple|"
    r"pink|brown|street|beach|forest|meadow|mountains?|desert|room|village|harbou?r|lake|jungle|cave|kitchen|sky|"
    r"sea|ocean|water|pencil|oil|paint|neon|pixel|wood|dark|sunny|clear|wet|sunset|sunrise|"
    r"garden|farm|picture|photo|film|board|studio|circle|square|triangle|cross|ring|stripe|spots|autumn|festival|"
    r"male|female|man|hand|hands|neck|leg|eyes|nose|young|old|set|top|turn|hit|step|jump|play|talk|love|touched|tear|"
    r"outlined|relaxed|grinning|boring|useless|nurturing|indecisive|grow|unlucky|ostentatious|flamboyant|lazy|slow|"
    r"curious|sly|wise|pretty|bearer|pester|stink|sow|full|soft|shaved|cooked|fried|roasted|melted|shallow|heavy|"
    r"solid|maze|virus|fever|rotting|repercussion|rebound|dupe|expendable|password|dizzy|danger|zap|aid|hurt|sick|"
    r"blind|disability|snare|burp|personal|athletic|running|beat|rhythm|transparent|opening|view|dark|idea|hatching|"
    r"joystick|fresh air|resort|safety|rescue|board|pick|good night|roll|iron|can|claws|stuffy|iceberg|dollar|"
    r"small|large|big|left|right|two|three|one|.* face|.*[^a-z -].*)$"
)


def read_groups(path: Path) -> Iterator[tuple[str, str]]:
    """(subgroup, glyph) of every fully-qualified emoji that is old enough, in the file's order."""
    subgroup = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# subgroup:"):
            subgroup = line.split(":", 1)[1].strip()
        found = re.search(r"; fully-qualified\s+# (\S+) E([\d.]+) ", line)
        if found and float(found[2]) <= NEWEST:
            yield subgroup, found[1]


def read_annotations(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Names and keywords by glyph (without variation selectors)."""
    names, keywords = {}, {}
    for item in ElementTree.parse(path).iter("annotation"):
        glyph, text = item.attrib["cp"], item.text or ""
        if item.get("type") == "tts":
            names[glyph] = text
        else:
            keywords[glyph] = text.split(" | ")
    return names, keywords


def choose(emoji_test: Path, annotations: Path) -> list[dict[str, str | list[str]]]:
    """The things, each with the synonyms that mean no other of them."""
    names, keywords = read_annotations(annotations)
    chosen: dict[str, str] = {}
    for subgroup, glyph in read_groups(emoji_test):
        bare = glyph.replace("\ufe0f", "")
        name = names.get(bare, "")
        plain = NAMES.get(name, name).lower()
        if subgroup in SUBGROUPS and re.fullmatch("[a-z -]+", plain) and not LEFT_OUT.search(name):
            chosen[plain] = glyph
    taken = {word for words in EVERYDAY.values() for word in words} | set(chosen)
    claims = Counter(word for glyph in chosen.values() for word in keywords[glyph.replace("\ufe0f", "")])
    things: list[dict[str, str | list[str]]] = []
    for name, glyph in chosen.items():
        bare = glyph.replace("\ufe0f", "")
        own = [names[bare].lower(), *(word for word in keywords[bare] if claims[word] == 1)]
        free = [word for word in own if word not in taken and not SPOKEN_FOR.match(word)]
        things.append({"name": name, "glyph": glyph, "synonyms": [*EVERYDAY.get(name, ()), *dict.fromkeys(free)][:4]})
    return things


def main() -> None:
    """Write ``things.json`` anew."""
    parser = argparse.ArgumentParser("python -m studio.training.world.choose_things", description=__doc__)
    parser.add_argument("emoji_test", type=Path)
    parser.add_argument("annotations", type=Path)
    given = parser.parse_args()
    lines = [json.dumps(thing, ensure_ascii=False) for thing in choose(given.emoji_test, given.annotations)]
    THINGS_FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    print(len(lines), "things")


if __name__ == "__main__":
    main()
