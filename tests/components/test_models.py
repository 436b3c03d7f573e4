"""What the models' script is answered: everything to whoever runs the studio, names and families to others."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

from components.models import MOST_MODELS, Models, size_of
from components.visitors import Visitors
from studio.gallery.inputs import Inputs
from studio.gallery.pictures import LOCAL
from studio.gallery.thumbnails import Thumbnails
from studio.models.catalogue import CATALOGUE
from studio.models.download import Downloads
from studio.models.hashes import Hashes
from studio.models.library import EMBEDDED, EMBEDDED_CONTROL, EMBEDDED_QUICK, Library
from studio.models.licences import Licences
from tests.components.test_gallery import JSON
from tests.components.test_visitors import request
from tests.models.test_library import lora, pipeline

TINY = "taesd"


class Page:
    """The functions over one folder, and the tokens of its owner and of an artist."""

    def __init__(self, folder: Path) -> None:
        library = Library([folder / "models"], hashes=Hashes(folder / "hashes.sqlite"))
        self.downloads = Downloads(folder / "models", Licences(folder / "licences.json"))
        portraits = Thumbnails(folder / "thumbnails", Inputs(folder / "inputs").read)
        studio: Any = SimpleNamespace(library=library, downloads=self.downloads, portraits=portraits)
        visitors = Visitors(public=True)
        self.studio, self.models = studio, Models(studio, visitors)
        self.functions: dict[str, Any] = {each.__name__: each for each in self.models.functions()}
        self.owner, self.artist = (visitors.admit(request(name)) for name in (LOCAL, "user-ada"))

    def ask(self, name: str, session: object, /, **asked: Any) -> Any:
        return self.functions[f"models_{name}"]({"session": session} | asked)

    def row(self, name: str, session: object) -> Any:
        return next(row for row in self.ask("page", session, text=name)["models"] if row["name"] == name)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    models = tmp_path / "models"
    lora(models / "fox.safetensors", {"modelspec.trigger_phrase": "fxx", "modelspec.license": "mit"})
    pipeline(models / "mine", cross_attention_dim=768)
    (models / "old.ckpt").write_bytes(b"\x80\x02}q\x00.")
    Image.new("RGB", (600, 900), "#204060").save(models / "fox.preview.png")
    made = Page(tmp_path)
    made.studio.library.rescan()
    made.studio.library.hash_files()
    yield made
    made.downloads.close()


def test_whoever_runs_it_sees_all_that_is_known(page: Page, tmp_path: Path) -> None:
    told = page.ask("page", page.owner)
    names = [row["name"] for row in told["models"]]
    assert names == [EMBEDDED, EMBEDDED_QUICK, "fox", "mine", "old"]
    assert told["kinds"] == {"checkpoint": 3, "LoRA": 1, "unreadable": 1}
    fox = page.row("fox", page.owner)
    assert (fox["words"], fox["licence"], fox["family"], fox["paint"]) == ("fxx", "mit", "SD 1.x", "")
    assert dict(fox["facts"])["Where"] == str(tmp_path / "models" / "fox.safetensors")
    assert dict(fox["facts"])["SHA-256"].startswith(fox["hash"])
    assert len(fox["hash"]) == 10
    assert "can run code" in page.row("old", page.owner)["problem"]
    assert page.row("mine", page.owner)["paint"] == "mine"


def test_an_artist_sees_names_and_families_and_nothing_else(page: Page, tmp_path: Path) -> None:
    told = page.ask("page", page.artist)
    assert [row["name"] for row in told["models"]] == [EMBEDDED, EMBEDDED_QUICK, "fox", "mine"]
    assert {key for row in told["models"] for key in row} == {
        "id", "name", "kind", "family", "paint", "picture", "tag", "vae", "control",
    }  # fmt: skip
    assert str(tmp_path) not in json.dumps(told)
    assert page.ask("page", page.artist, text="fxx")["models"] == []


@pytest.mark.parametrize("name", ["catalogue", "progress", "start", "cancel", "discard"])
def test_nobody_else_reaches_the_catalogue_and_its_downloads(page: Page, name: str) -> None:
    for session in (page.artist, "0" * 32, None):
        assert page.ask(name, session, name=TINY, accepted=True) == {}
    assert page.downloads.progress(TINY) is None
    assert not page.downloads.licences.accepted(CATALOGUE[TINY].licence)


@pytest.mark.parametrize("name", ["page", "thumbs"])
def test_strangers_see_no_model(page: Page, name: str) -> None:
    assert page.ask(name, "0" * 32, ids=[page.row("fox", page.owner)["id"]]) == {}


def test_a_picture_beside_a_model_becomes_a_small_one(page: Page, tmp_path: Path) -> None:
    fox = page.row("fox", page.owner)
    assert fox["picture"]
    small = page.ask("thumbs", page.artist, ids=[fox["id"]])[fox["id"]]
    assert Image.open(io.BytesIO(base64.b64decode(small.split(",")[1]))).size == (171, 256)
    (tmp_path / "models" / "fox.preview.png").write_bytes(b"no picture")
    assert page.ask("thumbs", page.owner, ids=[fox["id"]]) == {}


def test_models_are_found_by_word_and_kind_and_come_in_pages(page: Page, tmp_path: Path) -> None:
    for number in range(MOST_MODELS + 5):
        lora(tmp_path / "models" / f"brush {number:03}.safetensors")
    page.studio.library.rescan()
    first = page.ask("page", page.owner, text="brush sd", kind="LoRA")
    assert (len(first["models"]), first["total"]) == (MOST_MODELS, MOST_MODELS + 5)
    rest = page.ask("page", page.owner, text="brush sd", kind="LoRA", first=MOST_MODELS)["models"]
    assert [row["name"] for row in rest] == [f"brush {number:03}" for number in range(MOST_MODELS, MOST_MODELS + 5)]
    assert page.ask("page", page.owner, text="FXX")["total"] == 1


def test_a_download_begins_once_its_licence_is_accepted(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert "accept the licence" in page.ask("start", page.owner, name=TINY)["message"]
    assert page.ask("start", page.owner, name=TINY, accepted=True)[TINY]["phase"]
    assert list(page.downloads.follow(TINY))[-1].sentence
    entry = next(entry for entry in page.ask("catalogue", page.owner)["entries"] if entry["name"] == TINY)
    assert entry["accepted"]
    assert not entry["here"]


def test_only_what_is_here_can_be_painted_with(page: Page) -> None:
    assert page.models.chosen(SimpleNamespace(_data={"name": "mine"})) == "mine"  # type: ignore[arg-type]
    for name in ("fox", "../mine", None, 3):
        with pytest.raises(gr.Error):
            page.models.chosen(SimpleNamespace(_data={"name": name}))  # type: ignore[arg-type]


def test_only_a_control_net_that_is_here_goes_to_the_canvas(page: Page) -> None:
    menu = page.models.leads(SimpleNamespace(_data={"name": EMBEDDED_CONTROL}))  # type: ignore[arg-type]
    assert menu.value == EMBEDDED_CONTROL
    for name in ("fox", "../mine", None, 3):
        with pytest.raises(gr.Error):
            page.models.leads(SimpleNamespace(_data={"name": name}))  # type: ignore[arg-type]


def test_a_checkpoint_that_nobody_can_paint_with_says_what_it_needs(page: Page, tmp_path: Path) -> None:
    save_file({"layers.0.adaLN_modulation.0.weight": numpy.zeros((2, 2))}, tmp_path / "models" / "z.safetensors")
    page.studio.library.rescan()
    assert page.row("z", page.owner)["lacking"].endswith("put a diffusers folder of Z-Image among your models.")
    assert page.row("mine", page.owner)["lacking"] == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(("ids", "text", "kind", "first", "name")), JSON))
def test_whatever_is_asked_there_is_an_answer(page: Page, asked: Any) -> None:
    for name in ("page", "thumbs", "cancel", "discard"):
        assert isinstance(page.ask(name, page.owner, **asked), dict)
    assert isinstance(page.functions["models_page"](asked), dict)


@pytest.mark.parametrize(
    ("count", "said"), [(0, ""), (900, "0.1 MB"), (9_800_000, "9.8 MB"), (2_100_000_000, "2.1 GB")]
)
def test_sizes_are_told_as_people_read_them(count: int, said: str) -> None:
    assert size_of(count) == said
