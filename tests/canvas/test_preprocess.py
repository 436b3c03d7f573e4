"""Control maps from pictures, with and without weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from studio.canvas import preprocess
from studio.errors import StudioError, WeightsMissing
from studio.presets import PREPROCESSORS
from tests.hub import hub_at_work

PIDINET = "Soft edges (PidiNet)"
READY = [name for name, preprocessor in PREPROCESSORS.items() if not preprocessor.files]


@pytest.fixture
def picture() -> Image.Image:
    made = Image.new("RGB", (200, 136), "#204060")
    ImageDraw.Draw(made).rectangle((50, 30, 150, 100), fill="#f0a84b")
    return made


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache of the hub, so that no test depends on what this machine has."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    preprocess._detector.cache_clear()


@pytest.mark.parametrize("name", READY)
def test_those_without_weights_work_and_keep_the_size(name: str, picture: Image.Image) -> None:
    assert preprocess.is_ready(name)
    made = preprocess.control_map(name, picture)
    assert (made.size, made.mode) == (picture.size, "RGB")


def test_edges_lie_where_the_picture_has_them(picture: Image.Image) -> None:
    lines = np.asarray(preprocess.control_map("Canny edges", picture).convert("L")) > 100
    assert lines[28:33, 60:140].any(0).mean() > 0.9
    assert not lines[45:85, 65:135].any()


@pytest.mark.parametrize("size", [(5_000, 400), (3_000, 3_000)])
def test_large_pictures_are_looked_at_as_large_as_one_paints(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    canny, seen = preprocess._detector("Canny edges"), []

    def looked(picture: Image.Image, **options: Any) -> Any:
        seen.append((picture.size, options["detect_resolution"]))
        return canny(picture, **options)

    monkeypatch.setattr(preprocess, "_detector", lambda _: looked)
    assert preprocess.control_map("Canny edges", Image.new("RGB", size)).size == size
    ((shown, shorter),) = seen
    assert max(shown) == 2048
    assert shorter <= 2048


def test_dark_lines_on_light_become_light_on_dark() -> None:
    assert preprocess.control_map("Invert (dark lines on light)", Image.new("RGB", (8, 8), "white")).getpixel(
        (0, 0)
    ) == (0, 0, 0)


@pytest.mark.parametrize("name", [name for name in PREPROCESSORS if name not in READY])
def test_those_with_weights_say_so_before(name: str, picture: Image.Image) -> None:
    assert not preprocess.is_ready(name)
    with pytest.raises(WeightsMissing, match="download them"):
        preprocess.control_map(name, picture)


def test_without_a_network_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(StudioError, match="could not be reached"):
        preprocess.download(PIDINET, print)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[bytes]:
    """A hub on this machine, with a PidiNet of random weights in the real one's layout."""
    from controlnet_aux.pidi.model import pidinet

    torch.save(
        {"state_dict": {f"module.{name}": value for name, value in pidinet().state_dict().items()}}, tmp_path / "w"
    )
    weights = (tmp_path / "w").read_bytes()

    with hub_at_work(monkeypatch) as hub:
        preprocessor = PREPROCESSORS[PIDINET]
        hub.repos[preprocessor.repo] = dict.fromkeys(preprocessor.files, weights)
        yield weights


def test_weights_are_downloaded_with_progress_and_then_used(hub: bytes, picture: Image.Image) -> None:
    told: list[tuple[int, int]] = []
    assert preprocess.missing_bytes(PIDINET) == len(hub)
    preprocess.download(PIDINET, lambda done, total: told.append((done, total)))
    assert told[-1] == (len(hub), len(hub))
    assert preprocess.is_ready(PIDINET)
    assert preprocess.missing_bytes(PIDINET) == 0
    assert preprocess.control_map(PIDINET, picture).size == picture.size


def test_a_download_can_be_broken_off_and_leaves_nothing_that_looks_whole(hub: bytes) -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises((InterruptedError, StudioError)):
        preprocess.download(PIDINET, stop)
    assert not preprocess.is_ready(PIDINET)
