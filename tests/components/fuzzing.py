"""Requests that no page sends: generated, sent over HTTP, and what must be true of every answer.

``python -m tests.soak.fuzzing`` sends 10,000.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st
from PIL import Image

from studio.models.loader import LoadedModel
from studio.sharing.roles import Role
from tests.components.serving import FILE, Refused, Serving, first
from tests.gallery.hostile import CORPUS

CHEAP = {"Steps": 1, "Width": 64, "Height": 64}
"""What is accepted is painted: so let it be little."""
ADDRESSES = (
    "http://127.0.0.1:9/x.png",
    "https://example.invalid/x.png",
    "file:///etc/passwd",
    "data:image/png;base64,",
)
TEXTS = (
    "",
    "7",
    "nan",
    "猫" * 3000,
    "\0",
    "../../etc/passwd",
    "<img src=x onerror=alert(1)>",
    "[a:b:0.5",
    "[|]",
    *ADDRESSES,
)
NUMBERS = (-1, 0, 0.5, 63, 1e9, -1e9, 2**31, 2**53, 2**64, 1e308, 10**400, float("nan"), float("inf"), float("-inf"))
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(TEXTS) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SIDES = st.sampled_from([16, 64, 8192, 0, -1, 1e9, None, "64"])
RUN, PICTURE = "the newest run", "the newest picture"
"""Stand for their ids, which are known when the request is sent."""
VIEWS = ("x0", "xt", "change", "with", "without", "where", "gif", "zip", "run", "tree")
NAMES = ("look", "inspect", "words", "versus", "rename", "share", "unshare", "page", "thumbs", "picture", "star", "tag")
ASKED = (
    "run",
    "other",
    "index",
    "view",
    "kind",
    "name",
    "id",
    "ids",
    "on",
    "tags",
    "text",
    "seed",
    "size",
    "before",
    "count",
)
PAINTING = ("paint", "live", "branch", "go_on")
BODY = ("fn_index", "data", "session_hash", "event_data", "batched", "trigger_id", "component_id", "fn_name")
FORMS = ("/owner/links", "/owner/revoke", "/owner/limits", "/login")
PATHS = st.text(st.sampled_from("ab./%~\\:-_?#<\0é"), max_size=12)


class Asking:
    """Sends what is generated to one page, as an artist and as its owner."""

    def __init__(self, serving: Serving) -> None:
        self.serving, self.tab = serving, serving.artist()
        self.owner = serving.client(serving.token(Role.OWNER))
        self.events = [event for event in serving.page.fns.values() if event.fn is not None]
        picture = io.BytesIO()
        Image.new("RGB", (64, 64), "teal").save(picture, "PNG")
        contents = {"good.png": picture.getvalue(), "bad.png": b"\x89PNG", "bomb.png": CORPUS["64k x 64k header"]()}
        self.files = [self.tab.upload(name, content) for name, content in contents.items()]
        self.person = str(self.tab.client.get("/config").json()["username"])
        self._token = self.tab.do("catch_up")[0]["session"]
        self.calls = 0
        """Of the model, while ``counted``."""

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts what the model computes."""
        real = LoadedModel.compute

        def compute(model: LoadedModel, *arguments: Any) -> Any:
            self.calls += 1
            return real(model, *arguments)

        with patch.object(LoadedModel, "compute", compute):
            yield

    # What is sent

    def requests(self) -> st.SearchStrategy[tuple[str, Any]]:
        """Kinds of requests, the likelier ones named more often, and what is in them."""
        painting = [event for event in self.events if event.name in PAINTING]
        kinds: dict[str, st.SearchStrategy[Any]] = {
            "event": st.sampled_from(self.events).flatmap(self._event),
            "painting": st.sampled_from(painting).flatmap(self._event),
            "ask": self._question(),
            "body": st.dictionaries(st.sampled_from(BODY), ANYTHING),
            "bytes": st.binary(max_size=40),
            "form": st.tuples(st.sampled_from(FORMS), _forms()),
            "get": PATHS,
        }
        likely = ("painting",) * 4 + ("event",) * 4 + ("ask",) * 2 + tuple(kinds)
        return st.sampled_from(likely).flatmap(lambda kind: st.tuples(st.just(kind), kinds[kind]))

    def _event(self, event: Any) -> st.SearchStrategy[tuple[Any, list[Any], Any]]:
        plain = [
            CHEAP.get(widget.label, value) for widget, value in zip(event.inputs, map(first, event.inputs), strict=True)
        ]
        values = st.just(plain)
        if plain:
            places = st.sampled_from(range(len(plain)))
            values = st.lists(st.tuples(places, self._values()), max_size=3).map(lambda each: _with(plain, each))
        known = self._values() | st.sampled_from([RUN, PICTURE, [PICTURE], *VIEWS])
        said = st.none() | st.dictionaries(st.sampled_from(ASKED), known, max_size=3) | ANYTHING
        return st.tuples(st.just(event), values | st.lists(self._values(), max_size=2), said)

    def _values(self) -> st.SearchStrategy[Any]:
        false = [{"path": path, "meta": FILE} for path in (*ADDRESSES, "/etc/passwd", "\0", "")]
        return ANYTHING | st.sampled_from([*self.files, *false]) | self._layers()

    def _layers(self) -> st.SearchStrategy[str]:
        """What the canvas says it has uploaded."""
        paths = st.sampled_from(["", "/etc/passwd", *(file["path"] for file in self.files)]) | ANYTHING
        said = {"width": SIDES, "height": SIDES, "picture": paths, "mask": paths, "sketch": paths, "extended": ANYTHING}
        return st.fixed_dictionaries(said).map(json.dumps)

    def _question(self) -> st.SearchStrategy[tuple[Any, dict[str, Any]]]:
        names = st.sampled_from([*NAMES, *(f"gallery_{name}" for name in NAMES), "__init__", "load", ""]) | ANYTHING
        known = ANYTHING | st.sampled_from([RUN, RUN, PICTURE, [PICTURE], 0, 1, [2**63], [-1], *VIEWS])
        return st.tuples(names, st.dictionaries(st.sampled_from(ASKED), known, max_size=4))

    # What must be true

    def check(self, kind: str, sent: Any) -> None:
        """Send it. No answer is an error of the server's, no handler raises anything but a sentence, and
        what is refused costs no call of the model."""
        newest, calls = self._meant(RUN), self.calls
        refused = not getattr(self, f"_send_{kind.replace('painting', 'event')}")(sent)
        if refused or kind == "painting":
            began = self._meant(RUN) != newest
            assert began or self.calls == calls, f"refused, but the model was called: {sent}"

    def _send_event(self, sent: tuple[Any, list[Any], Any]) -> bool:
        event, data, said = sent
        meant = self._meant(said)
        body = {"data": data, "fn_index": event._id, "session_hash": self.tab.session, "event_data": meant}
        route = "/gradio_api/queue/join" if event.queue else f"/gradio_api/run/{event.api_name}"
        answer = self._post(route, _json(body))
        if answer.status_code != 200 or not event.queue:
            again = self._post(f"{route}/", _json(body))
            return 200 in (answer.status_code, again.status_code)
        try:
            self.tab.wait(answer)
        except Refused as refused:
            said = refused.args[0]
        else:
            return True
        assert isinstance(said, str), f"{event.name} raised something that is no sentence: {sent}"
        return False

    def _send_ask(self, sent: tuple[Any, dict[str, Any]]) -> bool:
        name, asked = sent
        number = next(block._id for block in self.serving.page.blocks.values() if getattr(block, "server_fns", None))
        body = {
            "component_id": number,
            "fn_name": name,
            "session_hash": "s",
            "data": {"session": self._token} | self._meant(asked),
        }
        return bool(self._post("/gradio_api/component_server", _json(body)).status_code == 200)

    def _send_body(self, body: dict[str, Any]) -> bool:
        return bool(self._post("/gradio_api/queue/join", _json(body)).status_code == 200)

    def _send_bytes(self, content: bytes) -> bool:
        routes = ("queue/join", "run/paint", "component_server", "cancel", "reset", "upload")
        ends = [f"{route}{end}" for route in routes for end in ("", "/")]
        return 200 in {self._post(f"/gradio_api/{route}", content).status_code for route in ends}

    def _send_form(self, sent: tuple[str, dict[str, str]]) -> bool:
        answer = self.owner.post(sent[0], data=sent[1])
        assert answer.status_code < 500, answer.text
        return bool(answer.status_code < 400)

    def _send_get(self, path: str) -> bool:
        for start in ("/", "/enter/", "/watch/", "/owner/", "/gradio_api/file=", "/static/", "/gradio_api/call/"):
            raw = start.encode() + b"".join(b"%%%02x" % byte for byte in path.encode())
            answer = self.owner.get(self.serving.url.rstrip("/") + raw.decode())
            assert answer.status_code < 500, (raw, answer.text)
        return True

    def _meant(self, value: Any) -> Any:
        """The same with ids where they are meant."""
        if isinstance(value, dict):
            return {name: self._meant(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._meant(item) for item in value]
        if value == RUN:
            return next((run.id for run in reversed(self.serving.studio.runs.of(self.person))), "")
        if value == PICTURE:
            return next((kept.id for kept in self.serving.studio.collection.history.page(self.person, count=1)), 0)
        return value

    def _post(self, route: str, content: bytes) -> Any:
        answer = self.tab.client.post(route, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, (route, content[:500], answer.text[:500])
        return answer


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()  # NaN and lone surrogates included, as JavaScript would not send them


def _with(plain: list[Any], changed: list[tuple[int, Any]]) -> list[Any]:
    values = list(plain)
    for place, value in changed:
        values[place] = value
    return values


def _forms() -> st.SearchStrategy[dict[str, str]]:
    names = st.sampled_from(["label", "id", "waiting", "side", "work", "user", "password"])
    return st.dictionaries(names, st.sampled_from([*map(repr, NUMBERS), *TEXTS]) | st.text(max_size=8), max_size=4)
