"""A picture somebody brought is theirs: its SHA-256, which stands in what was made from it, gives no right to it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from studio import GenerationRequest, Run
from studio.errors import UnreadablePicture
from studio.gallery.inputs import NOT_HERE
from studio.models.library import EMBEDDED
from tests.components.serving import Refused, Serving, Tab


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("isolation"), behind_proxy=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def ada(serving: Serving) -> Tab:
    return serving.artist()


@pytest.fixture
def eve(serving: Serving) -> Tab:
    return serving.artist()


@pytest.fixture(scope="module")
def hers(serving: Serving, ada: Tab) -> Run:
    """A run from a picture that only Ada has, led by it too."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(file, "PNG")
    path = ada.upload("private.png", file.getvalue())["path"]
    layers = {"width": 64, "height": 64, "picture": path, "mask": "", "sketch": path, "extended": False}
    values = ada.values("paint", Steps=2, Width=64, Height=64)
    shown = ada.do("paint", [json.dumps(layers), *values[1:]])[0]
    assert shown["state"] == "finished"
    return next(run for run in serving.studio.runs._runs.values() if run.id == shown["run"])


def filled(tab: Tab, name: str, content: bytes) -> str:
    """Everything that the controls and the canvas get from a PNG."""
    return json.dumps(tab.do("fill", [tab.upload(name, content), EMBEDDED]))


def test_the_infotext_of_a_published_picture_brings_its_start_to_nobody_else(ada: Tab, eve: Tab, hers: Run) -> None:
    published = hers.result.paths[0].read_bytes()
    assert hers.request.image.encode() in published
    names = {hers.request.image, hers.request.control[0].image}
    assert all(name in filled(ada, "hers.png", published) for name in names)
    assert not any(name in filled(eve, "hers.png", published) for name in names)


def test_a_run_file_that_only_names_a_picture_does_not_open_with_it(eve: Tab, hers: Run, tmp_path: Path) -> None:
    hers.save(tmp_path / "run.stepwise")
    whole = (tmp_path / "run.stepwise").read_bytes()
    tensors = {name: value for name, value in load_file(tmp_path / "run.stepwise").items() if "picture." not in name}
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])["__metadata__"]
    save_file(tensors, tmp_path / "named.stepwise", header)
    with pytest.raises(Refused, match=NOT_HERE):
        eve.do("open_file", [eve.upload("named.stepwise", (tmp_path / "named.stepwise").read_bytes())])
    assert eve.do("open_file", [eve.upload("run.stepwise", whole)])[0]["state"] == "finished"


def test_a_request_that_names_it_is_refused_whoever_builds_it(serving: Serving, hers: Run) -> None:
    stolen = GenerationRequest(image=hers.request.image, steps=2)
    with pytest.raises(UnreadablePicture, match=NOT_HERE):
        serving.studio.submit(stolen, "user-mallory")
    assert serving.studio.submit(stolen, hers.owner).result.paths
    assert serving.studio.submit(stolen, "local").result.paths


def test_its_file_has_no_address(serving: Serving, eve: Tab, hers: Run) -> None:
    for path in (serving.studio.inputs.path(hers.request.image), hers.result.paths[0]):
        assert eve.client.get(f"/gradio_api/file={path.resolve()}").status_code in (403, 404)


def test_events_with_anothers_ids_and_session_do_nothing(serving: Serving, ada: Tab, eve: Tab, hers: Run) -> None:
    kept = serving.studio.collection.history.page(hers.owner, count=1)[0]
    eve.session = ada.session  # whose tab shows her run
    for name, said in (
        ("open", {"run": hers.id}),
        ("export", {"kind": "run"}),
        ("start_from", {"index": 0, "id": kept.id}),
        ("settings_of", {}),
        ("zip", {"ids": [kept.id]}),
        ("take", {"id": kept.id}),
    ):
        event = eve.event(name)
        body = {
            "data": [EMBEDDED] * len(event.inputs),
            "fn_index": event._id,
            "session_hash": eve.session,
            "event_data": said,
        }
        if event.queue:
            eve.client.post("/gradio_api/queue/join", json=body)
            assert eve.client.get(f"/gradio_api/queue/data?session_hash={ada.session}").status_code == 403
        else:
            answer = eve.client.post(f"/gradio_api/run/{event.api_name}", json=body).text
            assert not any(secret in answer for secret in (hers.id, hers.request.image, str(hers.request.seed)))
