"""The routes below /sdapi/v1/. The gate has found out who asks, and that they may."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from components.access import VISITOR, Visitor
from components.api import answers, extras
from components.api.asks import Asks, Chosen
from components.api.bodies import MOST_BYTES, MOST_OF_PICTURES, NOT_JSON, Bodies, is_json
from components.api.brought import Bringing, file_of
from components.api.listing import Listing
from components.api.payload import VAE, Asked, Here, Options, read, with_settings
from components.api.values import Payload
from components.crowd import Crowd, Crowded
from studio import GenerationRequest, Run, Studio
from studio.errors import (
    ModelUnavailable,
    NotSaved,
    OverAllowance,
    QueueFull,
    QuotaReached,
    RequestRefused,
    StudioError,
    UnreadablePicture,
    WeightsMissing,
)
from studio.events import Failed
from studio.gallery.pictures import LOCAL

log = logging.getLogger("stepwise")
ASKED_WRONGLY = dict.fromkeys((RequestRefused, ModelUnavailable, UnreadablePicture, WeightsMissing), 422)
NO_PLACE = {OverAllowance: 429, QueueFull: 503, QuotaReached: 507, NotSaved: 507}
STATUS: dict[type[StudioError], int] = {**ASKED_WRONGLY, **NO_PLACE}
LISTS = ("sd-models", "sd-vae", "loras", "embeddings", "prompt-styles")
Answer = Callable[[Request], Awaitable[Response]]


class NotPainted(StudioError):
    """A run failed."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.sentence)
        self.code = failed.code


def mounted(studio: Studio, crowd: Crowd) -> Mount:
    """All of them."""
    api = Api(studio, crowd)
    posts: dict[str, Answer] = {
        "txt2img": api.txt2img,
        "img2img": api.img2img,
        "extra-single-image": api.enlarge,
        "png-info": api.png_info,
        "interrupt": api.interrupt,
        "skip": api.skip,
        "options": api.choose,
    }
    gets: dict[str, Answer] = {
        "progress": api.progress,
        "options": api.options,
        "samplers": api.samplers,
        "schedulers": _always(answers.schedulers()),
        "upscalers": _always(extras.upscalers()),
    }
    gets |= {name: api.listed(name) for name in LISTS}
    routes = [Route(f"/{name}", answer, methods=["POST"]) for name, answer in posts.items()]
    routes += [Route(f"/{name}", answer, methods=["GET"]) for name, answer in gets.items()]
    handlers: dict[Any, Any] = {StudioError: _refused, Crowded: _crowded, HTTPException: _http}
    return Mount("/sdapi/v1", app=Starlette(routes=routes, exception_handlers=handlers))


class Api:
    """Answers over one studio. Only for the thread of the server's event loop."""

    def __init__(self, studio: Studio, crowd: Crowd) -> None:
        self._studio, self._crowd, self._bodies = studio, crowd, Bodies()
        self._asks, self._chosen, self._listing = Asks(studio), Chosen(), Listing(studio)

    async def txt2img(self, request: Request) -> Response:
        """Pictures from words."""
        return await self._painted(request, from_picture=False)

    async def img2img(self, request: Request) -> Response:
        """Pictures from another."""
        return await self._painted(request, from_picture=True)

    async def _painted(self, request: Request, from_picture: bool) -> Response:
        owner = _person(request)
        with self._crowd.taken(_visitor(request)):
            asked, told = await self._asked(request, owner, from_picture)
            requests = asked.request.batches(asked.count)
            runs = await self._asks.paint(requests, owner, request.is_disconnected)
            return await run_in_threadpool(self._finished, asked, told, requests[0], runs)

    async def _asked(self, request: Request, owner: str, from_picture: bool) -> tuple[Asked, Payload]:
        """What is asked for, and what of it is told back. The body itself is let go of."""
        async with self._bodies.read(request, MOST_OF_PICTURES) as payload:
            asked = await run_in_threadpool(self._read, payload, self._chosen.of(owner), owner, from_picture)
            return asked, answers.parameters(payload, asked)

    def _read(self, payload: Payload, chosen: Options, owner: str, from_picture: bool) -> Asked:
        try:
            asked = read(payload, self._here(chosen, owner), from_picture)
        except ModelUnavailable:
            if self._studio.library.scanned.is_set():
                raise
            self._studio.library.scanned.wait()
            asked = read(payload, self._here(chosen, owner), from_picture)
        return dataclasses.replace(asked, request=self._studio.styled(asked.request, asked.styles))

    def _here(self, chosen: Options, owner: str) -> Here:
        bringing, listing = Bringing(self._studio, owner), self._listing
        return Here(
            chosen=chosen,
            models=listing.models(),
            fitted=listing.fitted,
            picture=bringing.picture,
            mask=bringing.mask,
            followed=bringing.followed,
        )

    def _finished(self, asked: Asked, told: Payload, request: GenerationRequest, runs: Sequence[Run]) -> Response:
        done = [run for run in runs if run.succeeded]
        results = [run.result for run in done]
        paths = [path for result in results for path in result.paths]
        try:
            failed = next((run.last_event for run in runs if isinstance(run.last_event, Failed)), None)
            if failed is not None:
                raise NotPainted(failed)
            images = [file_of(path) for path in paths] if asked.send else []
            infotexts = [text for result in results for text in result.infotexts]
            info = answers.info(asked, request, done, infotexts)
            return _json({"images": images, "parameters": told, "info": info})
        finally:
            if done and not asked.save:
                self._drop(done[0].owner, paths)

    def _drop(self, owner: str, paths: Sequence[Any]) -> None:
        try:
            self._studio.collection.drop(paths, owner)
        except NotSaved as error:
            log.warning("pictures that a program did not want kept are still there: %s", error)

    async def enlarge(self, request: Request) -> Response:
        """A picture in another size."""
        with self._crowd.taken(_visitor(request), paints=False):
            async with self._bodies.read(request, MOST_OF_PICTURES) as payload:
                return _json(await run_in_threadpool(extras.enlarged, payload, self._studio))

    async def png_info(self, request: Request) -> Response:
        """What a picture says of how it was made."""
        with self._crowd.taken(_visitor(request), paints=False):
            async with self._bodies.read(request, MOST_OF_PICTURES) as payload:
                return _json(await run_in_threadpool(extras.settings_in, payload))

    async def progress(self, request: Request) -> Response:
        """How far what somebody asked for is."""
        unseen = request.query_params.get("skip_current_image", "").lower() in ("true", "1", "yes", "on")
        return _json(self._asks.progress(_person(request), pictured=not unseen))

    async def interrupt(self, request: Request) -> Response:
        """Stop what somebody has under way."""
        _check_empty(request)
        self._asks.interrupt(_person(request))
        return _json({})

    async def skip(self, request: Request) -> Response:
        """Go on to the next batch."""
        _check_empty(request)
        self._asks.skip(_person(request))
        return _json({})

    async def options(self, request: Request) -> Response:
        """What somebody has chosen."""
        chosen = self._chosen.of(_person(request))
        return _json(answers.options(chosen, await run_in_threadpool(self._listing.title, chosen)))

    async def choose(self, request: Request) -> Response:
        """Choose it for what they ask for from now on."""
        owner = _person(request)
        async with self._bodies.read(request, MOST_BYTES) as payload:
            options = await run_in_threadpool(self._with, self._chosen.of(owner), payload)
        self._chosen.choose(owner, options)
        return _json(None)

    def _with(self, options: Options, settings: Payload) -> Options:
        self._studio.library.scanned.wait()
        chosen = with_settings(options, settings, self._listing.models())
        if chosen.vae and settings.get(VAE) is None and chosen.vae not in self._studio.library.vaes(chosen.model):
            return dataclasses.replace(chosen, vae="")  # of the model before
        if chosen.vae:
            self._studio.library.vae(chosen.model, chosen.vae)
        return chosen

    async def samplers(self, request: Request) -> Response:
        """Those that go with the chosen model."""
        model = self._chosen.of(_person(request)).model
        return _json(answers.samplers(await run_in_threadpool(self._studio.library.fitting, model)))

    def listed(self, name: str) -> Answer:
        """What answers with one of ``LISTS``."""

        async def answer(request: Request) -> Response:
            return _json(await run_in_threadpool(self._listing.of(name), _person(request) == LOCAL))

        return answer


def _always(value: Any) -> Answer:
    async def answer(_: Request) -> Response:
        return _json(value)

    return answer


def _visitor(request: Request) -> Visitor:
    visitor = request.scope[VISITOR]
    assert isinstance(visitor, Visitor)
    return visitor


def _person(request: Request) -> str:
    return _visitor(request).person


def _check_empty(request: Request) -> None:
    if not is_json(request):
        raise HTTPException(415, NOT_JSON)


def _json(value: Any) -> Response:
    """As ASCII: a text may hold half a character, which is nothing in UTF-8."""
    return Response(json.dumps(value), media_type="application/json")


async def _refused(_: Request, error: StudioError) -> Response:
    status = STATUS.get(type(error), 500)
    if status != 500:
        return _told(status, str(error))
    wrong = {"error": error.code, "detail": str(error), "body": "", "errors": str(error)}
    return JSONResponse(wrong, 500)


async def _crowded(_: Request, error: Crowded) -> Response:
    return _told(429, str(error))


async def _http(_: Request, error: HTTPException) -> Response:
    return _told(error.status_code, error.detail)


def _told(status: int, sentence: str) -> Response:
    content = json.dumps({"detail": sentence})
    return Response(content, status, media_type="application/json")
