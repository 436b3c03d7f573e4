"""What an artist names is never opened outside of the folders, and never fetched, wherever they name it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from gradio.utils import get_upload_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from components.schema import MOST_BYTES
from studio.models.library import EMBEDDED
from tests.auditing import audited, opened, reached
from tests.components.serving import FILE, Refused, Serving, Tab

CANARY = b"what nobody may read"
CHECK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
HOST = "canary.invalid"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("reach") / "outputs", behind_proxy=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def tab(serving: Serving) -> Tab:
    return serving.artist()


@pytest.fixture(scope="module")
def secret(serving: Serving, tab: Tab) -> Iterator[Path]:
    """A folder that is nobody's business, beside the outputs, with links to it where uploads lie."""
    folder = serving.studio.settings.outputs.parent / "secret"
    folder.mkdir()
    for name in ("secret.png", "secret.stepwise"):
        (folder / name).write_bytes(CANARY)
    links = [Path(get_upload_folder()) / f"link-{os.getpid()}{end}" for end in ("", ".png")]
    for link, target in zip(links, (folder, folder / "secret.png"), strict=True):
        link.symlink_to(target)
    yield folder
    for link in links:
        link.unlink()


def tried(tab: Tab, path: str) -> bytes:
    """Everything that the page's events and routes answer to a path."""
    answers: list[Any] = []
    file = {"path": path, "meta": FILE, "orig_name": path}
    layers = json.dumps({"width": 64, "height": 64, "picture": path, "mask": path, "sketch": path, "extended": False})
    for name, data in (
        ("fill", [file, EMBEDDED]),
        ("open_file", [file]),
        ("noised", [file, 250]),
        ("bring_back", [file, 250]),
        ("differences", [layers, *tab.values("differences")[1:]]),
        ("show", [layers, *tab.values("show")[1:]]),
        ("show", tab.values("show", **{"Own picture": file, "Follows": "Own picture"})),
        ("paint", [layers, *tab.values("paint")[1:]]),
    ):
        try:
            answers.append(tab.do(name, data))
        except Refused as error:
            answers.append(str(error))
        event = tab.event(name)
        body = {"data": data, "fn_index": event._id, "session_hash": tab.session}
        answers.append(tab.client.post(f"/gradio_api/run/{event.api_name}/", json=body).text)
    for start in ("file=", "file/", "static/", "../assets/", "../static/", "../svelte/"):
        for part in (quote(path, safe="/:"), quote(path, safe=""), path.encode("ascii", "ignore").decode()):
            with_nothing_strange = "".join(sign for sign in part if sign.isprintable() and sign not in " ?#")
            answers.append(tab.client.get(f"/gradio_api/{start}{with_nothing_strange}").text)
    return repr(answers).encode()


def paths(secret: Path) -> st.SearchStrategy[str]:
    """Ways to write where the secret lies, and what only looks like one."""
    uploads, link = get_upload_folder(), f"link-{os.getpid()}"
    starts = [
        "",
        "/",
        "//",
        "file://",
        "\\\\server\\share\\",
        "\\\\?\\",
        uploads,
        f"{uploads}/{link}",
        f"{uploads}/{link}.png",
    ]
    up = os.path.relpath(secret, uploads)
    parts = [
        up,
        str(secret),
        str(secret).upper(),
        "secret.png",
        "SECRET.PNG",
        "secret.stepwise",
        "..",
        "%2e%2e",
        "..%2f",
        ".",
        "\0",
        "~",
    ]
    return st.tuples(st.sampled_from(starts), st.lists(st.sampled_from(parts), max_size=4)).map(
        lambda pair: "/".join([pair[0], *pair[1]]) if pair[0] else "/".join(pair[1])
    )


@CHECK
@given(data=st.data())
def test_no_way_to_write_a_path_leads_out_of_the_folders(tab: Tab, secret: Path, data: st.DataObject) -> None:
    path = data.draw(paths(secret))
    with audited() as seen:
        answers = tried(tab, path)
    outside = {each for each in opened(seen) if Path(each).is_relative_to(secret) or each == "/etc/passwd"}
    assert not outside
    assert CANARY not in answers


@pytest.mark.parametrize(
    "path", ["{link}/secret.png", "{link}.png", "{uploads}/{up}/secret.png", "{secret}/secret.png"]
)
def test_links_and_the_plain_path_lead_nowhere(tab: Tab, secret: Path, path: str) -> None:
    uploads = get_upload_folder()
    named = {"link": f"{uploads}/link-{os.getpid()}", "uploads": uploads, "secret": secret}
    path = path.format(**named, up=os.path.relpath(secret, uploads))
    assert Path(path).read_bytes() == CANARY
    with audited() as seen:
        answers = tried(tab, path)
    assert not {each for each in opened(seen) if Path(each).is_relative_to(secret)}
    assert CANARY not in answers


def named_in_a_picture(address: str) -> bytes:
    """A PNG whose every text names an address."""
    file, note = io.BytesIO(), PngInfo()
    note.add_text(
        "parameters", f"{address}\nSteps: 4, Sampler: Euler, Seed: 1, Size: 64x64, Model: {address}, VAE: {address}"
    )
    note.add_itxt("XML:com.adobe.xmp", f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a href="{address}"/></x:xmpmeta>')
    Image.new("RGB", (64, 64)).save(file, "PNG", pnginfo=note)
    return file.getvalue()


def test_a_slash_at_the_end_of_a_route_leads_past_no_check(tab: Tab) -> None:
    event = tab.event("fill")
    address = f"http://{HOST}/x.png"
    body = {"data": [{"path": address, "meta": FILE}], "fn_index": event._id, "session_hash": tab.session}
    for route in (f"run/{event.api_name}/", "run/predict/", "run/predict"):
        with audited() as seen:
            answer = tab.client.post(f"/gradio_api/{route}", json=body)
        assert (answer.status_code, "not on the server" in answer.text) == (400, True), answer.text
        assert HOST not in {host for host, _ in reached(seen)}
        assert tab.client.post(f"/gradio_api/{route}", content=b"x" * (MOST_BYTES + 1)).status_code == 400


@pytest.mark.parametrize(
    "address",
    [
        f"http://{HOST}/x.png",
        f"https://{HOST}/x.safetensors",
        f"HTTP://{HOST}/x.png",
        f"//{HOST}/x.png",
        f"ftp://{HOST}/x.png",
        f"http://user@{HOST}:80/x.png",
        "http://127.0.0.1:9/x.png",
        "http://[::1]:9/x.png",
        "http://169.254.169.254/latest/meta-data",
        "http://2130706433:9/x",
        "hf-user/model",
    ],
)
def test_nothing_that_anybody_types_is_fetched(serving: Serving, tab: Tab, address: str) -> None:
    with audited() as seen:
        tried(tab, address)
        uploaded = tab.upload(address.replace("/", "_") + ".png", named_in_a_picture(address))
        tab.do("fill", [uploaded, EMBEDDED])
        with pytest.raises(Refused, match="not on the server"):
            tab.do("noised", [{"path": address, "url": address, "meta": FILE}, 250])
        tab.do("noised", [uploaded | {"url": address}, 250])
        values = {"Prompt": address, "Steps": 1, "Width": 64, "Height": 64}
        assert tab.do("paint", tab.values("paint", **values))[0]["state"] == "finished"
        values["Prompt"] = f"<lora:{address}:1>"
        shown = tab.do("paint", tab.values("paint", **values))[0]
        assert shown["state"] == "finished" or "There is no LoRA of the name" in shown["message"]
        with pytest.raises(Refused, match="list of choices"):
            tab.do("paint", tab.values("paint", Model=address))
        for name in ("look", "gallery_page", "rename"):
            tab.ask(name, run=address, name=address, text=address, model=address)
    server = urlsplit(serving.url).port
    assert {(host, port) for host, port in reached(seen) if str(port) != str(server)} == set()
