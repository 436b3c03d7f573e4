"""Files and rows in step: keeping, throwing away, bringing back, room, and what a crash leaves."""

from __future__ import annotations

import os
import time
import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from studio import GenerationRequest
from studio.errors import QuotaReached, StudioError
from studio.gallery import archive, collection, provenance
from studio.gallery.collection import Collection
from studio.gallery.inputs import Inputs
from studio.gallery.pictures import XMP, read_infotext, save
from studio.gallery.quota import MB, Quota
from studio.gallery.reconcile import reconcile
from tests.gallery.kept import keep, opened, written_by_the_web_ui

SOURCE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"


def on_disk(outputs: Path) -> set[str]:
    return {str(path.relative_to(outputs)) for path in outputs.rglob("*.png")}


def tidy(kept: Collection) -> None:
    reconcile(kept, time.time() + 60, lambda: False)


def test_a_kept_picture_is_a_file_and_a_row(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        found = keep(kept, 5, cfg_scale=4.0)
        assert found.bytes == kept.file(found).stat().st_size
        assert "CFG scale: 4, Seed: 5" in read_infotext(kept.file(found))
        assert kept.recent("local", 9) == [kept.file(found)]
        assert kept.recent("user-eve", 9) == []


def test_thrown_away_it_is_gone_and_comes_back(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        one, two = keep(kept, 1), keep(kept, 2)
        assert kept.throw_away([one.id, two.id, 99], "user-eve") == []
        assert kept.throw_away([one.id, 99], "local") == [one.id]
        assert kept.history.page("local") == [two]
        assert not kept.file(one).exists()
        assert kept.history.find(one.id, "local") is None
        assert kept.bring_back([one.id], "user-eve") == []
        assert kept.bring_back([one.id, two.id], "local") == [one.id]
        assert kept.history.page("local") == [two, one]
        assert kept.file(one).exists()


def test_what_nobody_wanted_kept_is_deleted_for_good(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        one, two = keep(kept, 1), keep(kept, 2)
        kept.thumbnail(one)
        kept.drop([kept.file(one), kept.file(two)], "user-eve")
        assert kept.history.page("local") == [two, one]
        kept.drop([kept.file(one)], "local")
        kept.drop([], "local")
        assert kept.history.any(one.id) is None
        assert kept.history.page("local") == [two]
        assert on_disk(tmp_path) == {two.path}


def test_after_thirty_days_it_is_gone_for_good(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        old, new = keep(kept, 1), keep(kept, 2)
        kept.thumbnail(old)
        kept.throw_away([old.id, new.id], "local")
        kept.history.set_deleted([old], time.time() - collection.IN_TRASH_S - 1)
        kept.purge()
        assert on_disk(tmp_path) == {f"trash/{new.path}"}
        assert kept.bring_back([old.id, new.id], "local") == [new.id]
        assert list((tmp_path / "thumbnails").iterdir()) == []


def test_a_thumbnail_is_small_and_made_once(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        big = Image.new("RGB", (640, 320), "teal")
        path, _ = kept.keep(big, GenerationRequest(seed=1), 0, run="r", owner="local", model_hash="")
        (row,) = kept.history.page("local")
        made = kept.thumbnail(row)
        path.unlink()
        assert kept.thumbnail(row) == made
    (tmp_path / "thumbnail.jpg").write_bytes(made)
    assert Image.open(tmp_path / "thumbnail.jpg").size == (256, 128)


# Room


def test_without_room_nothing_is_begun_and_the_trash_goes_first(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        size = keep(kept, 1, "user-ada").bytes
    with opened(tmp_path, Quota(each=2 * size + size // 2)) as kept:
        keep(kept, 2, "user-ada")
        kept.check_room("user-ada")
        kept.throw_away([keep(kept, 3, "user-ada").id], "user-ada")
        kept.check_room("user-ada")  # empties the trash
        assert len(on_disk(tmp_path)) == 2
        keep(kept, 4, "user-ada")
        with pytest.raises(QuotaReached, match="throw some away in the gallery"):
            kept.check_room("user-ada")
        kept.check_room("user-eve")
        kept.check_room("local")
        assert len(kept.history.page("user-ada")) == 3


def test_room_for_everybody_is_shared(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        size = keep(kept, 1, "user-ada").bytes
    with opened(tmp_path, Quota(total=size // 2)) as kept, pytest.raises(QuotaReached, match="--quota-mb"):
        kept.check_room("local")


@pytest.mark.parametrize(
    ("quota", "owner", "said", "nearly"),
    [
        (Quota(), "local", "5.0 MB", False),
        (Quota(each=10 * MB), "local", "5.0 MB", False),
        (Quota(each=10 * MB), "user-ada", "5.0 MB of 10 MB", False),
        (Quota(each=5 * MB + 1), "user-ada", "5.0 MB of 5.0 MB: nearly full, throw some away soon", True),
        (Quota(total=2048 * MB), "local", "20 MB of 2.0 GB for everybody", False),
    ],
)
def test_what_is_taken_is_said(quota: Quota, owner: str, said: str, nearly: bool) -> None:
    assert quota.gauge(owner, 5 * MB, 20 * MB) == (said, nearly)


def test_pictures_brought_count_and_go_when_idle(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), "red").save(tmp_path / "brought.png")
    outputs = tmp_path / "outputs"
    with opened(outputs) as kept:
        name = kept.bring(tmp_path / "brought.png", "user-ada")
        assert kept.history.usage("user-ada") == (outputs / "inputs" / f"{name}.png").stat().st_size
        kept.purge()
        assert len(on_disk(outputs)) == 1
        kept.history.add_input(name, "user-ada", 0, used=time.time() - collection.IDLE_INPUT_S - 1)
        kept.purge()
        assert on_disk(outputs) == set()
        assert kept.history.usage() == 0


# In step again


def test_pictures_made_before_there_was_a_history_appear(tmp_path: Path) -> None:
    settings = "Steps: 200, Sampler: DPM++ 2S a, CFG scale: 7, Seed: 42, Size: 64x64, Model: mine"
    text = f"a fox\nNegative prompt: rain\n{settings}"
    mine = save(Image.new("RGB", (40, 24)), text, tmp_path, "local", "old")
    os.utime(mine, (1_000_000_000, 1_000_000_000))
    hers = save(Image.new("RGB", (8, 8)), "", tmp_path, "user-ada.b", "plain")
    (mine.parent / "not-one.png").write_bytes(b"no picture")
    (mine.parent / "linked.png").symlink_to(hers)
    (mine.parent / "torn.png.partial").write_bytes(b"half")
    with opened(tmp_path) as kept:
        tidy(kept)
        (found,) = kept.history.page("local")
        assert (found.prompt, found.negative_prompt, found.seed) == ("a fox", "rain", 42)
        assert (found.sampler, found.model, found.width, found.height) == ("DPM++ 2S a", "mine", 40, 24)
        assert found.made == 1_000_000_000
        assert [kept.file(each) for each in kept.history.page("user-ada.b")] == [hers]
        assert not (mine.parent / "torn.png.partial").exists()
        tidy(kept)
        assert kept.history.page("local") == [found]


@pytest.mark.parametrize(("name", "kind"), [("00000-42.jpg", "JPEG"), ("00001-42.JPEG", "JPEG"), ("1.webp", "WEBP")])
def test_pictures_that_the_web_ui_wrote_in_other_formats_appear(tmp_path: Path, name: str, kind: str) -> None:
    text = "a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 40x24, Model: mine"
    file = written_by_the_web_ui(tmp_path, name, kind, text)
    with opened(tmp_path) as kept:
        tidy(kept)
        (found,) = kept.history.page("local")
        assert (found.prompt, found.sampler, found.seed, found.width) == ("a fox", "Euler a", 42, 40)
        assert kept.thumbnail(found).startswith(b"\xff\xd8")
        archive.write([(found, file)], tmp_path / "some.zip")
        with zipfile.ZipFile(tmp_path / "some.zip") as made:
            assert [Path(each).suffix for each in made.namelist()] == [file.suffix.lower()]


def test_rows_and_files_come_in_step_again(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        gone, back, away, stray = (keep(kept, seed) for seed in (1, 2, 3, 4))
        kept.file(gone).unlink()  # by somebody's hand
        kept.throw_away([back.id, away.id, stray.id], "local")
        kept.history.set_deleted([back], None)  # the power failed: the row was brought back, the move was lost
        (tmp_path / "trash" / away.path).replace(tmp_path / away.path)  # the move to the trash was lost
        kept.history.forget([stray.id])  # the row was purged, the file not yet
        tidy(kept)
        assert kept.history.page("local") == [back]
        assert on_disk(tmp_path) == {back.path, f"trash/{away.path}"}


def test_the_studios_own_fresh_files_are_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        save(Image.new("RGB", (8, 8)), "", tmp_path, "local", "being-kept")
        reconcile(kept, time.time() - 60, lambda: False)
        assert kept.history.page("local") == []


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "txt2img-images/../../x.png"])
def test_a_row_that_points_elsewhere_opens_nothing(tmp_path: Path, path: str) -> None:
    with opened(tmp_path / "outputs") as kept:
        found = keep(kept)
        with pytest.raises(StudioError, match="not in the folder"):
            kept.file(replace(found, path=path))


def test_a_link_among_the_pictures_is_not_followed(tmp_path: Path) -> None:
    with opened(tmp_path / "outputs") as kept:
        found = keep(kept)
        secret = tmp_path / "secret.png"
        kept.file(found).replace(secret)
        (tmp_path / "outputs" / found.path).symlink_to(secret)
        with pytest.raises(StudioError):
            kept.file(found)


# What goes out


def test_the_zip_has_every_picture_with_its_infotext(tmp_path: Path) -> None:
    with opened(tmp_path) as kept:
        rows = [keep(kept, 1), keep(kept, 1), keep(kept, 2)]
        archive.write([(row, kept.file(row)) for row in rows], tmp_path / "some.zip")
        with zipfile.ZipFile(tmp_path / "some.zip") as made:
            assert made.testzip() is None
            assert len(set(made.namelist())) == 3
            assert {entry.compress_type for entry in made.infolist()} == {zipfile.ZIP_STORED}
            made.extract(archive.name_of(rows[2]), tmp_path)
        assert "Seed: 2" in read_infotext(tmp_path / archive.name_of(rows[2]))


@pytest.mark.parametrize(("image", "source"), [("", provenance.TRAINED), ("ab" * 32, provenance.COMPOSITE)])
def test_every_picture_says_that_a_model_made_it(tmp_path: Path, image: str, source: str) -> None:
    with opened(tmp_path) as kept:
        path = kept.file(keep(kept, image=image))
    with Image.open(path) as picture:
        described = ElementTree.fromstring(picture.info[XMP]).find(".//{*}Description")
        assert described is not None
        assert described.get(SOURCE) == source


def test_the_mark_can_be_left_out(tmp_path: Path) -> None:
    plain = Collection(tmp_path, Inputs(tmp_path / "inputs"), marked=False)
    with Image.open(plain.file(keep(plain))) as picture:
        assert XMP not in picture.info
    plain.close()


def test_a_picture_that_vanishes_while_they_are_looked_through_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = os.walk
    with opened(tmp_path) as kept:
        mine = keep(kept, 5)
        (kept.file(mine).parent / "copied.png").write_bytes(kept.file(mine).read_bytes())
        monkeypatch.setattr("os.walk", lambda top: ((*at, ["gone.png", *names]) for *at, names in walk(top)))
        tidy(kept)
        assert len(kept.history.page("local")) == 2


def test_each_variation_of_a_batch_has_its_own_row(tmp_path: Path) -> None:
    """By which it is painted again."""
    asked = GenerationRequest(seed=7, batch_size=3, variation_seed=100, variation_strength=0.4)
    with opened(tmp_path) as kept:
        for index in range(3):
            kept.keep(Image.new("RGB", (16, 16)), asked, index, run="1" * 32, owner="local", model_hash="0a1b")
        alone = [GenerationRequest.from_json(row.request) for row in reversed(kept.history.page("local"))]
    told = [(each.seed, each.variation_seed, each.batch_size) for each in alone]
    assert told == [(7, 100, 1), (7, 101, 1), (7, 102, 1)]
    assert [each.variation_seeds for each in alone] == [(seed,) for seed in asked.variation_seeds]
