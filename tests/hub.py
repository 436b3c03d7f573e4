"""A hub on this machine, which speaks the few routes of the real one that downloads use."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub.utils.sha import git_hash

COMMIT = "a" * 40
TOKEN = "hf_of_somebody"
SMALL_CHUNK = 4096


class Hub:
    """What the hub holds, how it misbehaves, and what it was asked for."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.gated: set[str] = set()
        self.claimed: dict[str, bytes] = {}
        """Content by path which the hub says it has, where it gives something else."""
        self.cut: set[str] = set()
        """Paths whose first answer breaks off in the middle."""
        self.held = ""
        """A path whose answer stops in the middle until ``go_on`` is set."""
        self.halfway, self.go_on = threading.Event(), threading.Event()
        self.asked: list[tuple[str, str]] = []
        """Paths that were fetched, with the range of each."""

    def told(self, repo: str) -> bytes:
        """The listing of a repository."""
        siblings = []
        for path, given in self.repos[repo].items():
            content = self.claimed.get(path, given)
            sibling = {"rfilename": path, "size": len(content), "blobId": git_hash(content)}
            if path.endswith(".safetensors"):
                sha = hashlib.sha256(content).hexdigest()
                sibling["lfs"] = {"size": len(content), "sha256": sha, "pointerSize": 134}
            siblings.append(sibling)
        return json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings}).encode()


@contextmanager
def hub_at_work(patch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that the hub's own library asks from now on."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            parts = unquote(urlsplit(self.path).path).strip("/").split("/")
            is_api = parts[:2] == ["api", "models"]
            repo = "/".join(parts[2:4] if is_api else parts[:2])
            if parts[0] == "elsewhere":
                self.elsewhere("/".join(parts[1:3]), "/".join(parts[3:]), body)
            elif repo not in hub.repos:
                self.refuse(404, "RepoNotFound")
            elif repo in hub.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.refuse(401 if "Authorization" not in self.headers else 403, "GatedRepo")
            elif is_api:
                self.give(hub.told(repo), body)
            elif parts[-1].endswith(".safetensors"):
                self.refer(f"/elsewhere/{repo}/{'/'.join(parts[4:])}")
            else:
                self.file("/".join(parts[4:]), hub.repos[repo], body)

        def refer(self, path: str) -> None:
            """To where large files are: another host, which is told nobody's token."""
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{server.server_port}{path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def elsewhere(self, repo: str, path: str, body: bool) -> None:
            if "Authorization" in self.headers:
                self.refuse(400, "TokenToldToStrangers")
            else:
                self.file(path, hub.repos[repo], body)

        def refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def file(self, path: str, files: dict[str, bytes], body: bool) -> None:
            content, span = files[path], self.headers.get("Range", "")
            start = int(span.removeprefix("bytes=").split("-")[0]) if span else 0
            if body:
                hub.asked.append((path, span))
            self.give(content[start:], body, 206 if span else 200, path, len(content) if span else 0)

        def give(self, content: bytes, body: bool, status: int = 200, path: str = "", whole: int = 0) -> None:
            self.send_response(status)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(content)))
            if whole:
                self.send_header("Content-Range", f"bytes {whole - len(content)}-{whole - 1}/{whole}")
            self.end_headers()
            if body:
                self.write(content, path)

        def write(self, content: bytes, path: str) -> None:
            if path and path == hub.held:
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                hub.halfway.set()
                hub.go_on.wait(60)
                content = content[len(content) // 2 :]
            elif path in hub.cut:
                hub.cut.discard(path)
                content = content[: len(content) // 2]
                self.close_connection = True
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None: ...  # whoever cancels goes away in the middle

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    constants = "huggingface_hub.constants"
    patch.setattr(f"{constants}.ENDPOINT", address)
    patch.setattr(f"{constants}.HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    patch.setattr(f"{constants}.DOWNLOAD_CHUNK_SIZE", SMALL_CHUNK)
    patch.delenv("HF_TOKEN", raising=False)
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()
