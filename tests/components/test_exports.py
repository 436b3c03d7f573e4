"""What people have made for them to download, and what uploads leave behind, does not fill the disk."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio.utils import get_upload_folder

from tests.components.serving import Refused, Serving, Tab

DAY_S = 86_400


@pytest.fixture(scope="module")
def broken_off() -> Iterator[Path]:
    """What an upload of the day before yesterday left, beside one of today's."""
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"tmp{kind}{os.getpid()}" for kind in ("old", "new")]
    for file in files:
        file.write_bytes(b"half")
    os.utime(files[0], (time.time() - 2 * DAY_S,) * 2)
    yield files[0]
    for file in files:
        file.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, broken_off: Path) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("exports"), behind_proxy=True)
    yield made
    made.close()


@pytest.fixture
def painted(serving: Serving) -> tuple[Tab, str, str]:
    """A tab, its token, and the run that it shows."""
    tab = serving.artist()
    shown = tab.do("paint", tab.values("paint", Steps=1, Width=64, Height=64))[0]
    return tab, shown["session"], shown["run"]


def test_a_day_old_half_of_an_upload_is_gone_after_the_start(serving: Serving, broken_off: Path) -> None:
    client = serving.client()
    assert any(client.get("/robots.txt") and not broken_off.exists() for _ in range(300))
    assert broken_off.with_name(broken_off.name.replace("old", "new")).exists()


def test_an_export_takes_the_place_of_the_one_before(painted: tuple[Tab, str, str]) -> None:
    tab, session, run = painted
    made = []
    for name, kind in (("one", "run"), ("two", "run"), ("two", "zip")):
        tab.ask("rename", session=session, run=run, name=name)
        made.append(Path(tab.do("export", event_data={"kind": kind})[0]["path"]))
    assert [file.exists() for file in made] == [False, False, True]
    assert len([*Path(get_upload_folder()).glob(f"*/{run[:8]}.*")]) == 1
    assert tab.client.get(f"/gradio_api/file={made[-1]}").content.startswith(b"PK")


def test_nothing_is_exported_to_a_disk_that_is_nearly_full(
    painted: tuple[Tab, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, _, run = painted
    monkeypatch.setattr("components.latest.KEPT_FREE", 2**62, raising=False)
    with pytest.raises(Refused, match="disk of this studio is nearly full: free some space"):
        tab.do("export", event_data={"kind": "run"})
    assert not [*Path(get_upload_folder()).glob(f"*/{run[:8]}.*")]
