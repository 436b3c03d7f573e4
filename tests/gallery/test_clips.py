"""Films and sounds beside their pictures: written whole or not at all, and never apart."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from studio import GenerationRequest
from studio.clips import Clip, Film, Sound
from studio.errors import NotSaved, StudioError
from studio.gallery import archive, collection, pictures
from studio.gallery.collection import Collection
from studio.gallery.kept import Kept
from studio.gallery.pictures import LOCAL
from studio.gallery.reconcile import reconcile
from tests.gallery.kept import opened

FILM = Film(np.linspace(0, 255, 5 * 15 * 17 * 3).reshape(5, 15, 17, 3).astype(np.uint8), 12)
TONE = Sound(np.sin(np.arange(800, dtype=np.float32) / 5)[None].repeat(2, 0) * 2, 8000)


def keep(kept: Collection, clip: Clip = FILM, **request: Any) -> Kept:
    asked = GenerationRequest(prompt="a film, with commas", seed=1, **({"frames": 5, "fps": 12} | request))
    picture = Image.new("RGB", (40, 16), "teal")
    kept.keep(picture, asked, 0, run="a" * 32, owner=LOCAL, model_hash="0a1b", clip=clip)
    return kept.history.page(LOCAL, count=1)[0]


def files(outputs: Path) -> list[str]:
    return sorted(path.suffix for path in outputs.rglob("*") if path.suffix in (".png", ".mp4", ".flac", ".partial"))


def test_a_film_plays_as_long_as_it_was_asked_for(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        row = keep(kept)
        with av.open(str(kept.file(row).with_suffix(".mp4"))) as file:
            frames = list(file.decode(video=0))
            assert len(frames) == 5
            assert float(file.streams.video[0].average_rate or 0) == 12
            assert (frames[0].width, frames[0].height) == (18, 16)  # even: players want that
            assert file.metadata["comment"].startswith("a film, with commas\nSteps: ")


def test_a_loud_sound_is_cut_off_and_not_turned_over(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        row = keep(kept, TONE, frames=1, seconds=0.1)
        with av.open(str(kept.file(row).with_suffix(".flac"))) as file:
            heard = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in file.decode(audio=0)]) / 32767
        assert np.allclose(heard, TONE.samples.T.clip(-1, 1), atol=1e-4)
        assert (row.width, row.height) == (40, 16)


def test_a_sound_of_three_channels_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as kept, pytest.raises(StudioError, match="one channel or two"):
        keep(kept, Sound(np.zeros((3, 8), np.float32), 8000))
    assert files(tmp_path) == []


def test_without_room_for_its_picture_there_is_no_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with opened(tmp_path) as kept, pytest.raises(NotSaved):
        keep(kept)
    assert files(tmp_path) == []


def test_it_counts_as_room_and_goes_for_good_with_its_picture(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        row = keep(kept)
        path = kept.file(row)
        assert row.bytes == path.stat().st_size + path.with_suffix(".mp4").stat().st_size
        kept.throw_away([row.id], LOCAL)
        assert not path.with_suffix(".mp4").exists()
        kept.history.set_deleted([row], time.time() - collection.IN_TRASH_S - 1)
        kept.purge()
        assert files(tmp_path) == []


def test_a_lost_history_knows_it_again(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        before = keep(kept)
        kept.history.forget([before.id])
        reconcile(kept, time.time() + 60, lambda: False)
        (found,) = kept.history.page(LOCAL)
        again = GenerationRequest.from_json(found.request)
        assert (again.frames, again.fps, found.bytes) == (5, 12, before.bytes)


def test_a_zip_holds_both_under_one_name(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        row = keep(kept)
        archive.write([(row, kept.file(row))], tmp_path / "several.zip")
        with zipfile.ZipFile(tmp_path / "several.zip") as held:
            names = held.namelist()
    assert [Path(name).suffix for name in names] == [".png", ".mp4"]
    assert len({Path(name).stem for name in names}) == 1


def test_the_infotext_of_a_picture_says_nothing_of_films(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        picture = Image.new("RGB", (16, 16))
        path, _ = kept.keep(picture, GenerationRequest(seed=1), 0, run="r", owner=LOCAL, model_hash="")
        text = pictures.read_infotext(path)
    assert not any(word in text for word in ("Frames", "FPS", "Seconds"))
