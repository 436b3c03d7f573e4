"""What the gallery's script is answered: its owner's pictures and nobody else's, whatever it asks."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from components.gallery import Gallery
from components.visitors import Visitors
from studio.gallery.collection import Collection
from studio.gallery.kept import Kept
from studio.gallery.pictures import LOCAL, read_infotext
from studio.gallery.reconcile import reconcile
from tests.components.test_visitors import request
from tests.gallery.faults import Refusing
from tests.gallery.kept import keep, opened, written_by_the_web_ui

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "session",
    "id",
    "ids",
    "text",
    "model",
    "seed",
    "size",
    "since",
    "until",
    "tag",
    "tags",
    "before",
    "count",
    "thrown",
)


class Page:
    """The gallery's functions, and the token of one of two visitors."""

    def __init__(self, collection: Collection) -> None:
        self.collection, self.visitors = collection, Visitors(public=True)
        studio: Any = SimpleNamespace(collection=collection)
        self.gallery = Gallery(studio, self.visitors)
        self.functions: dict[str, Callable[[Any], Any]] = {each.__name__: each for each in self.gallery.functions()}
        self.ada, self.eve = (self.visitors.admit(request(name)) for name in ("user-ada", "user-eve"))

    def ask(self, name: str, session: object, **asked: Any) -> Any:
        return self.functions[f"gallery_{name}"]({"session": session} | asked)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with opened(tmp_path) as collection:
        yield Page(collection)


@pytest.fixture
def hers(page: Page) -> Kept:
    return keep(page.collection, 7, "user-ada")


def event(**data: Any) -> Any:
    return SimpleNamespace(_data=data)


def test_an_owner_sees_the_picture_as_it_is_on_disk(page: Page, hers: Kept) -> None:
    (tile,) = page.ask("page", page.ada)["pictures"]
    assert (tile["id"], tile["prompt"], tile["favourite"]) == (hers.id, "picture 7", False)
    full = page.ask("picture", page.ada, id=hers.id)
    assert base64.b64decode(full["src"].split(",")[1]) == page.collection.file(hers).read_bytes()
    assert full["infotext"] == read_infotext(page.collection.file(hers))
    small = page.ask("thumbs", page.ada, ids=[hers.id])[str(hers.id)]
    assert Image.open(io.BytesIO(base64.b64decode(small.split(",")[1]))).size == (16, 16)


def test_a_jpeg_of_the_web_ui_is_looked_at_and_started_from(page: Page) -> None:
    file = written_by_the_web_ui(page.collection.outputs, "1.jpg", "JPEG", "a fox\nSteps: 20, Seed: 4, CFG scale: 7")
    reconcile(page.collection, time.time(), lambda: False)
    (found,), session = page.collection.history.page(LOCAL), Visitors(public=False)
    gallery = Gallery(SimpleNamespace(collection=page.collection), session)  # type: ignore[arg-type]
    full = gallery.picture({"id": found.id}, LOCAL)
    assert full["src"] == "data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode()
    assert full["infotext"].startswith("a fox")
    assert full["name"].endswith(".jpg")
    assert gallery.start_from(request(), event(id=found.id)).size == (40, 24)


@pytest.mark.parametrize("visitor", ["eve", "nobody", "none"])
def test_nobody_else_reaches_it_by_any_id(page: Page, hers: Kept, visitor: str) -> None:
    session = {"eve": page.eve, "nobody": "0" * 32, "none": None}[visitor]
    page.ask("thumbs", page.ada, ids=[hers.id])
    for identity in (hers.id, str(hers.id), float(hers.id), [hers.id], hers.path, f"../{hers.id}", hers.run):
        assert page.ask("picture", session, id=identity) == {}
        assert page.ask("star", session, id=identity, on=True) == {}
        assert page.ask("tag", session, id=identity, tags=["mine"]) == {}
        assert not page.ask("thumbs", session, ids=[identity])
        assert not page.ask("throw", session, ids=[identity]).get("ids")
    page.ask("throw", page.ada, ids=[hers.id])
    assert not page.ask("undo", session, ids=[hers.id]).get("ids")
    assert not page.ask("page", session).get("pictures")
    assert page.ask("choices", session).get("model") in (None, [])
    assert page.ask("undo", page.ada, ids=[hers.id]) == {"ids": [hers.id]}
    assert page.collection.history.page("user-ada") == [hers]


def test_what_was_thrown_away_is_seen_by_its_owner_and_brought_back(page: Page, hers: Kept) -> None:
    other = keep(page.collection, 8, "user-ada")
    shown = page.collection.file(hers).read_bytes()
    page.ask("throw", page.ada, ids=[hers.id])
    assert [tile["id"] for tile in page.ask("page", page.ada)["pictures"]] == [other.id]
    assert [tile["id"] for tile in page.ask("page", page.ada, thrown=True)["pictures"]] == [hers.id]
    assert page.ask("thumbs", page.ada, ids=[hers.id, other.id], thrown=True).keys() == {str(hers.id)}
    full = page.ask("picture", page.ada, id=hers.id, thrown=True)
    assert base64.b64decode(full["src"].split(",")[1]) == shown
    assert "Thrown away" in dict(full["facts"])
    assert page.ask("picture", page.ada, id=hers.id) == {}
    for session in (page.eve, "0" * 32, None):
        assert not page.ask("page", session, thrown=True).get("pictures")
        assert page.ask("thumbs", session, ids=[hers.id], thrown=True) == {}
        assert page.ask("picture", session, id=hers.id, thrown=True) == {}
    assert page.ask("undo", page.ada, ids=[hers.id]) == {"ids": [hers.id]}
    assert page.ask("page", page.ada, thrown=True)["pictures"] == []


def test_its_events_go_by_whose_request_it_is(page: Page, hers: Kept, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    fields, named = page.gallery.settings_of(request("user-ada"), event(id=hers.id))
    assert (fields["seed"], named.sampler, named.model_hash) == (7, "DPM++ 2M", "0a1b")
    assert page.gallery.start_from(request("user-ada"), event(id=hers.id)).size == (16, 16)
    first, second = (Path(page.gallery.zip(request("user-ada"), event(ids=[hers.id]))) for _ in range(2))
    assert second.is_relative_to(tmp_path / "served")
    assert second.exists()
    assert not first.parent.exists(), "each may be of gigabytes: a person has one"
    for act in (page.gallery.settings_of, page.gallery.start_from, page.gallery.zip):
        with pytest.raises(gr.Error):
            act(request("user-eve"), event(id=hers.id, ids=[hers.id]))
        with pytest.raises(gr.Error):
            act(request("user-ada"), event(id="x", ids="x"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["page", "choices", "thumbs", "picture", "star", "tag", "throw", "undo"]), data=st.data())
def test_whatever_is_asked_there_is_an_answer(page: Page, name: str, data: st.DataObject) -> None:
    asked = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)) | JSON)
    if isinstance(asked, dict) and data.draw(st.booleans()):
        asked["session"] = page.ada
    assert isinstance(page.functions[f"gallery_{name}"](asked), dict)


def test_a_full_disk_is_said(page: Page, hers: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    history = page.collection.history
    with monkeypatch.context() as patch:
        patch.setattr(history, "_connection", Refusing(history._connection, "COMMIT"))
        assert "Free some space" in page.ask("throw", page.ada, ids=[hers.id])["message"]
        assert "Free some space" in page.ask("star", page.ada, id=hers.id, on=True)["message"]
    assert history.page("user-ada") == [hers]
    assert page.collection.file(hers).exists()


def test_a_picture_whose_file_is_gone_is_not_there(page: Page, hers: Kept) -> None:
    page.collection.file(hers).unlink()
    assert page.ask("picture", page.ada, id=hers.id) == {}
    assert page.ask("thumbs", page.ada, ids=[hers.id]) == {}
    with pytest.raises(gr.Error, match="not here any more"):
        page.gallery.start_from(request("user-ada"), event(id=hers.id))
