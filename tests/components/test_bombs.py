"""A picture that is made to do harm is refused whichever way it comes in, with a sentence, and painted from by nobody.

What each costs in time and memory is measured by ``python -m tests.soak.hostile``.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from studio import GenerationRequest
from studio.diffusion import preview
from studio.models.library import EMBEDDED
from studio.run import Run
from studio.timeline.animation import size_of
from tests.auditing import audited
from tests.components.serving import Refused, Serving, Tab
from tests.gallery.hostile import CORPUS, MB, chunk, png, zeros

TEXT = b"parameters\0\0"
BOMBS = {
    "a large header": CORPUS["64k x 64k header"],
    "a large JPEG": CORPUS["64k x 64k JPEG"],
    "much text": lambda: png(8, 8, chunk(b"zTXt", TEXT + zeros(64 * MB))),
    "a large profile": lambda: png(8, 8, chunk(b"iCCP", b"icc\0\0" + zeros(64 * MB))),
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\nquit\n",
    "an SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>',
}
SENTENCE = re.compile("too large|can be read|is broken|Invalid file type")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("bombs"), behind_proxy=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def tab(serving: Serving) -> Tab:
    return serving.artist()


def layers(**drawn: str) -> str:
    empty = {"width": 64, "height": 64, "picture": "", "mask": "", "sketch": "", "extended": False}
    return json.dumps(empty | drawn)


def said(tab: Tab, name: str, data: list[Any]) -> str:
    """The sentence that an event is refused with, or all that it answers."""
    try:
        return json.dumps(tab.do(name, data))
    except Refused as error:
        return str(error)


@pytest.mark.parametrize("name", ["bomb.png", "bomb.svg"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_on_every_way_in(serving: Serving, tab: Tab, bomb: str, name: str) -> None:
    file = tab.upload(name, BOMBS[bomb]())
    runs = len(serving.studio.runs._runs)
    with audited() as seen:
        answers = on_every_way(tab, file)
    assert {way: answer for way, answer in answers.items() if not SENTENCE.search(answer)} == {}
    assert len(serving.studio.runs._runs) == runs
    assert "subprocess.Popen" not in {event for event, _ in seen}, "Pillow asked Ghostscript"


def on_every_way(tab: Tab, file: dict[str, Any]) -> dict[str, str]:
    """What is said to a file, by the way it comes in."""
    path = file["path"]
    rest = tab.values("paint")[1:]
    own = {"Follows": "Own picture", "Own picture": file}
    return {
        "start picture": said(tab, "paint", [layers(picture=path), *rest]),
        "lines": said(tab, "paint", [layers(sketch=path), *rest]),
        "control map": said(tab, "paint", [layers(), *tab.values("paint", **own)[1:]]),
        "shown map": said(tab, "show", [layers(), *tab.values("show", **own)[1:]]),
        "how it works": said(tab, "noised", [file, 250]),
        "settings": said(tab, "fill", [file, EMBEDDED]),
        "run": said(tab, "open_file", [file | {"orig_name": "x.stepwise"}]),
    }


@pytest.fixture(scope="module")
def run(serving: Serving) -> Run:
    made = serving.studio.submit(GenerationRequest(prompt="a cat", steps=2, width=64, height=64), "user-ada")
    assert made.result.paths
    return made


def test_a_run_whose_latents_are_larger_than_its_picture_is_refused(serving: Serving, tab: Tab, run: Run) -> None:
    path = serving.studio.settings.outputs / "run.stepwise"
    run.save(path)
    whole = path.read_bytes()
    header = metadata(whole)
    tensors = load_file(path)
    assert tab.do("open_file", [tab.upload("run.stepwise", whole)])[0]["state"] == "finished"
    for shape in ((1, 8, 128, 128), (1, 1, 64, 64), (64, 8, 8, 8), (1, 8, 8, 512), (1, 8, 9_000), (1, 100_000)):
        grown = {
            name: np.zeros(shape, np.float32) if value.dtype.kind == "f" else value for name, value in tensors.items()
        }
        save_file(grown, path, header)
        with pytest.raises(Refused, match="broken"):
            tab.do("open_file", [tab.upload("run.stepwise", path.read_bytes())])


def test_tensors_of_a_scheduler_are_no_larger_than_the_latents(serving: Serving, tab: Tab, run: Run) -> None:
    path = serving.studio.settings.outputs / "run.stepwise"
    run.save(path)
    header = metadata(path.read_bytes())
    names = set(re.findall(r'"tensor": "(t[0-9]+)"', header["stepwise"]))
    assert names
    wide = {name: np.zeros((9_000, 1, 1, 1), np.float32) for name in names}
    kept = {name: value for name, value in load_file(path).items() if name not in names}
    save_file(kept | wide, path, header)
    with pytest.raises(Refused, match="broken"):
        tab.do("open_file", [tab.upload("run.stepwise", path.read_bytes())])


def test_a_run_with_an_endless_header_is_refused_unread(serving: Serving, tab: Tab, run: Run) -> None:
    path = serving.studio.settings.outputs / "run.stepwise"
    run.save(path)
    header = metadata(path.read_bytes())
    save_file(
        load_file(path), path, header | {"stepwise": header["stepwise"][:-1] + ', "more": "' + "x" * 2**22 + '"}'}
    )
    with pytest.raises(Refused, match="broken"):
        tab.do("open_file", [tab.upload("run.stepwise", path.read_bytes())])


def test_pictures_in_a_run_that_are_larger_than_its_own_are_left_out(serving: Serving, tab: Tab, run: Run) -> None:
    path = serving.studio.settings.outputs / "run.stepwise"
    run.save(path)
    large, small = (
        np.frombuffer(jpeg(Image.new("L", (side, side), 128)), np.uint8) for side in (8_000, preview.LONGEST_SIDE)
    )
    save_file(load_file(path) | {"0.x0": large, "0.draft": large, "1.x0": small}, path, metadata(path.read_bytes()))
    opened = serving.studio.open(path, "user-ada")
    assert opened.steps[0].draft is None
    assert opened.steps[1].preview == small.tobytes()
    assert size_of(opened.steps[0].preview) == (64, 64), "made anew from the latents"


def jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()


def metadata(content: bytes) -> Any:
    """The free text in the header of a safetensors file."""
    return json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
