"""A small reverse proxy that serves a page under a path, as nginx does with ``location /stepwise/``."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

PREFIX = "/stepwise"


@contextmanager
def proxied(port: int) -> Iterator[str]:
    """The address under which a port of this machine is served below ``/stepwise/``."""

    @asynccontextmanager
    async def opened(app: Starlette) -> AsyncIterator[None]:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None) as client:
            app.state.client = client
            yield

    async def forward(request: Request) -> Response:
        client: httpx.AsyncClient = request.app.state.client
        address = request.client.host if request.client else ""
        headers = dict(request.headers) | {"x-forwarded-for": address, "x-forwarded-proto": "http"}
        headers["x-forwarded-host"] = request.headers["host"]
        path = request.url.path.removeprefix(PREFIX) or "/"
        made = client.build_request(
            request.method,
            httpx.URL(path=path, query=request.url.query.encode()),
            headers=headers,
            content=await request.body(),
        )
        answer = await client.send(made, stream=True)

        async def content() -> AsyncIterator[bytes]:
            try:
                async for part in answer.aiter_raw():
                    yield part
            finally:
                await answer.aclose()

        passed = StreamingResponse(content(), answer.status_code)
        passed.raw_headers = [each for each in answer.headers.raw if each[0].lower() != b"connection"]
        return passed

    app = Starlette(
        lifespan=opened, routes=[Route(f"{PREFIX}/{{path:path}}", forward, methods=["GET", "POST", "HEAD"])]
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}{PREFIX}/"
    finally:
        server.should_exit = True
        thread.join(5)
