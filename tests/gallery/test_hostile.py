"""Pictures that are made to do harm are refused; of those that only look so, no more is read than is needed.

``python -m tests.soak.hostile`` measures what each takes, and reads 100,000 infotexts.
"""

from __future__ import annotations

import contextlib
import random
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from studio.errors import UnreadablePicture
from studio.gallery import infotext
from studio.gallery.inputs import KINDS, Inputs
from studio.gallery.pictures import read_infotext
from studio.limits import check
from studio.request import GenerationRequest
from tests.gallery.hostile import CORPUS, chunk, gif, mutated, png, write

MUTATIONS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize("name", CORPUS)
def test_a_bomb_is_refused_to_start_from_and_to_take_settings_from(tmp_path: Path, name: str) -> None:
    path = write(name, tmp_path)
    with pytest.raises(UnreadablePicture):
        Inputs(tmp_path / "inputs").add_file(path)
    with pytest.raises(UnreadablePicture):
        read_infotext(path)
    assert not (tmp_path / "inputs").exists()


def test_nobody_opens_a_picture_beyond_the_limit_by_accident(tmp_path: Path) -> None:
    """Gradio opens what is uploaded before any handler sees it: Pillow itself has to refuse."""
    path = write("64k x 64k header", tmp_path)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
    path.write_bytes(png(9_000, 9_000))
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)


def test_of_endless_frames_one_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "endless.gif").write_bytes(gif(50_000))
    seen: list[int] = []
    inputs = Inputs(tmp_path / "inputs")
    monkeypatch.setattr("PIL.GifImagePlugin.GifImageFile._seek", _counted(seen))
    assert inputs.get(inputs.add_file(tmp_path / "endless.gif")).size == (16, 16)
    assert len(seen) <= 1


def _counted(seen: list[int]) -> object:
    from PIL.GifImagePlugin import GifImageFile

    real = GifImageFile._seek

    def seek(self: GifImageFile, frame: int, update_image: bool = True) -> None:
        seen.append(frame)
        real(self, frame, update_image)

    return seek


def test_a_picture_larger_than_any_request_is_made_smaller(tmp_path: Path) -> None:
    Image.new("L", (9_000, 300), 200).save(tmp_path / "wide.png")
    inputs = Inputs(tmp_path / "inputs")
    kept = inputs.get(inputs.add_file(tmp_path / "wide.png"))
    assert kept.size == (8192, 273)
    assert kept.getpixel((9, 9)) == (200, 200, 200)


def test_a_text_is_read_up_to_a_length(tmp_path: Path) -> None:
    text = b"parameters\0" + b"a" * 900_000
    (tmp_path / "long.png").write_bytes(png(8, 8, chunk(b"tEXt", text)))
    assert len(read_infotext(tmp_path / "long.png")) == infotext.LONGEST


@MUTATIONS
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_a_file_with_accidents_is_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    path = tmp_path / "accident"
    Image.linear_gradient("L").resize((24, 24)).save(path, kind)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on what it could still read
        with contextlib.suppress(UnreadablePicture):
            Inputs(tmp_path / "inputs").add_file(path)


@settings(max_examples=3_000, deadline=None)
@given(st.integers(0, 2**64))
def test_no_infotext_raises_or_leads_outside_the_limits(seed: int) -> None:
    fields = infotext.to_fields(infotext.parse(mutated(random.Random(seed))))
    check(GenerationRequest(**fields))
    GenerationRequest(**fields).to_json().encode()
