"""A page served for real, and those who ask it over HTTP as a browser does."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import gradio as gr
import httpx

from components.page import build, launch
from studio import Settings, Studio
from studio.sharing.links import DAY_S
from studio.sharing.roles import Role

FILE = {"_type": "gradio.FileData"}


class Serving:
    """A studio behind a proxy, as far as it knows: nobody is the owner for their address."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.studio = Studio(Settings(outputs=folder, port=0, device="cpu", **settings))
        self.page = build(self.studio)
        _, self.url, _ = launch(self.page, self.studio, prevent_thread_lock=True, quiet=True)

    def token(self, role: Role, **options: str) -> str:
        return self.studio.sharing.links.make(role, DAY_S, "test", **options)[0]

    def client(self, token: str = "") -> httpx.Client:
        """A browser that came in by a link."""
        client = httpx.Client(base_url=self.url, timeout=30)
        if token:
            assert client.get(f"/enter/{token}").status_code == 303
        return client

    def close(self) -> None:
        self.page.close()
        self.studio.close()

    def artist(self) -> Tab:
        """A tab of an artist of their own."""
        return Tab(self, self.client(self.token(Role.ARTIST)))


class Refused(Exception):
    """An event was answered with a sentence instead of values."""


class Tab:
    """One tab of Gradio's page, without the page."""

    def __init__(self, serving: Serving, client: httpx.Client) -> None:
        self.serving, self.client, self.session = serving, client, secrets.token_hex(5)
        assert client.get("/").status_code == 200

    def event(self, name: str) -> Any:
        """The event that a handler of that name is tied to; the first of several."""
        return next(event for event in self.serving.page.fns.values() if event.name == name)

    def values(self, name: str, **changed: Any) -> list[Any]:
        """What the page would send for an event, with the widgets of those labels changed."""
        widgets = self.event(name).inputs
        assert changed.keys() <= {widget.label for widget in widgets}
        return [changed.get(widget.label, first(widget)) for widget in widgets]

    def do(self, name: str, data: list[Any] | None = None, **more: Any) -> list[Any]:
        """Have an event done, and wait for the last values it gives.

        Raises:
            Refused: with what the page would say, if it is not.
        """
        event = self.event(name)
        body = {"data": data or [], "fn_index": event._id, "session_hash": self.session, **more}
        if event.queue:
            return self.wait(self.client.post("/gradio_api/queue/join", json=body))
        answer = self.client.post(f"/gradio_api/run/{event.api_name}", json=body)
        assert answer.status_code < 500, answer.text
        if answer.status_code != 200:
            raise Refused(answer.json().get("error"))
        return list(answer.json()["data"])

    def wait(self, joined: httpx.Response) -> list[Any]:
        """The last values of an event that has joined the queue."""
        assert joined.status_code < 500, joined.text
        if joined.status_code != 200:
            raise Refused(joined.json().get("error", joined.text))
        values: list[Any] = []
        with self.client.stream("GET", f"/gradio_api/queue/data?session_hash={self.session}") as stream:
            for line in stream.iter_lines():
                told = json.loads(line.removeprefix("data: ")) if line else {}
                if told.get("msg") == "process_completed":
                    if not told["success"]:
                        raise Refused(told["output"].get("error"))
                    return list(told["output"]["data"]) or values
                if told.get("msg") == "process_generating":
                    values = told["output"]["data"]
        raise AssertionError("the stream ended before the event")

    def ask(self, function: str, **asked: Any) -> Any:
        """What a function of the page's scripts answers."""
        number = next(block._id for block in self.serving.page.blocks.values() if getattr(block, "server_fns", None))
        body = {"component_id": number, "fn_name": function, "session_hash": self.session, "data": asked}
        answer = self.client.post("/gradio_api/component_server", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """A file that the page has uploaded, as the page names it."""
        answer = self.client.post("/gradio_api/upload", files={"files": (name, content)})
        assert answer.status_code == 200, answer.text
        return {"path": answer.json()[0], "orig_name": name, "meta": FILE}


def first(widget: Any) -> Any:
    """What a widget has before anybody touches it; pictures are left out."""
    value = widget.value() if callable(widget.value) else widget.value
    if value is None and isinstance(widget, gr.Textbox):
        return ""
    return None if isinstance(value, dict) else value
