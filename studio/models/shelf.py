"""The models in memory: loaded in a thread behind, let go when others need the room."""

from __future__ import annotations

import dataclasses
import gc
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import psutil
import torch
from torch import Tensor

from studio.errors import ModelUnavailable, StudioError, said
from studio.models import memory
from studio.models.behind import Behind
from studio.models.device import Placement
from studio.models.library import EMBEDDED, EMBEDDED_QUICK, Library, Source, VaeSource
from studio.models.loader import ALL_OF_IT, LoadedModel, load, load_vae
from studio.models.memory import Plan
from studio.models.reading import Reading
from studio.models.vae import LoadedVae
from studio.models.weights import files, weigh
from studio.status import Status

log = logging.getLogger("stepwise")
OURS = (EMBEDDED, EMBEDDED_QUICK)
"""They weigh next to nothing: kept whole, and never let go."""
MOST_VAES = 2
"""Kept beside those that models bring."""
T = TypeVar("T")
Key = tuple[str, str]
"""A model's name, and the precision of its denoiser."""


@dataclass(eq=False)
class _Loading:
    loaded: Future[LoadedModel]
    stop: threading.Event = field(default_factory=threading.Event)
    lean: bool = False
    """Whether it is kept in less memory than it would be, had it waited for others."""


class Shelf:
    """Models by name, for the engine's thread. ``in_use`` names those that a run is painted with: they
    are never let go. ``wake`` is called when one is loaded. ``budget`` is how many bytes models may
    take; None for what is free."""

    def __init__(
        self,
        library: Library,
        placement: Placement,
        status: Status,
        in_use: Callable[[], Collection[LoadedModel]],
        wake: Callable[[], None],
        plan: str = memory.AUTO,
        budget: int | None = None,
    ) -> None:
        self._library, self._placement, self._status = library, placement, status
        self._in_use, self._wake, self._asked, self._budget = in_use, wake, plan, budget
        self._held: OrderedDict[Key, LoadedModel] = OrderedDict()
        self._loading: dict[Key, _Loading] = {}
        self._leanest: dict[str, str] = {}
        """Plans that models may not be better off than, after they ran out of memory."""
        self._stale: set[Key] = set()
        """What is to be loaded anew as soon as nothing is painted with it: leaner, after memory ran out, or better
        off, where a look took the room there was."""
        self._pool = ThreadPoolExecutor(1, "stepwise-loading")
        self._readers, self._closed = ThreadPoolExecutor(2, "stepwise-reading"), threading.Event()
        self.vaes: Behind[VaeSource, LoadedVae] = self.behind(MOST_VAES, lambda _: None)
        """Those that were chosen in the place of models' own."""
        self.waits_for = ""
        """The model that waits until another is done with and has made room."""

    def behind(self, most: int, let_go: Callable[[T], None]) -> Behind[Any, T]:
        """Parts that are read in the same thread as models: the last ``most`` of them stay."""
        return Behind(self._pool, self._wake, most, let_go)

    @property
    def held(self) -> list[LoadedModel]:
        """What is loaded, the one used longest ago first."""
        return list(self._held.values())

    def ready(self, name: str, vae: str = "", patient: bool = True) -> bool:
        """Whether ``get`` would answer at once. If not, the model is loaded behind; a patient one waits until
        others are done with where there will be more room then."""
        return self._ready(name, patient) and (not vae or self.vaes.ready(*self._vae(name, vae)))

    def _ready(self, name: str, patient: bool) -> bool:
        key = self._key(name)
        self._collect()
        if patient and key in self._stale and self._held[key] not in self._in_use():
            self._let_go(key)
        if key in self._held:
            return key not in self._stale or not patient
        if key not in self._loading:
            if name not in OURS and any(not each.loaded.done() for each in self._loading.values()):
                return False  # how much room is left hangs on that one
            self._begin(key, patient)
        loading = self._loading.get(key)
        return loading is not None and loading.loaded.done()  # ``get`` has it, or says why not

    def _collect(self) -> None:
        """Put on the shelf what has been loaded, also what nobody has asked for since."""
        for key, loading in list(self._loading.items()):
            if loading.loaded.done() and loading.loaded.exception() is None:
                self._put(key)

    def _put(self, key: Key) -> None:
        loading = self._loading.pop(key)
        self._held[key] = loading.loaded.result()
        if loading.lean:
            self._stale.add(key)

    def get(self, name: str, precision: str = "", vae: str = "") -> LoadedModel:
        """The model, in the precision chosen for this machine or another, and with a VAE in the place of
        its own; waits until it is loaded.

        Raises:
            ModelUnavailable: if it cannot be.
        """
        model = self._get(name, precision)
        if not vae:
            return model
        found = self.vaes.get(*self._vae(name, vae))
        self.vaes.settle(used=[found])
        return model.with_vae(found)

    def _vae(self, model: str, name: str) -> tuple[VaeSource, Callable[[], LoadedVae]]:
        """The key of a VAE, and how it is read."""
        source = self._library.vae(model, name)
        return source, partial(load_vae, source, self._placement, self._library.hashes.compute)

    def _get(self, name: str, precision: str) -> LoadedModel:
        key = self._key(name, precision)
        if key not in self._held:
            if key not in self._loading:
                self._begin(key, patient=False)
            self._put(key)
        self._held.move_to_end(key)
        return self._held[key]

    def stop_unless(self, wanted: Collection[str], first: Collection[str] = ()) -> None:
        """Stop loading what nobody wants any more, and keeping room for what is not ``first`` in anybody's line: it is
        not asked for before that."""
        self._collect()
        for key, loading in list(self._loading.items()):
            if key[0] not in wanted:
                loading.stop.set()
                loading.loaded.cancel()
                loading.loaded.add_done_callback(_close)
                del self._loading[key]
        if self.waits_for not in first:
            self.waits_for = ""

    def ran_out(self, model: LoadedModel) -> str:
        """Keep a model leaner from its next loading on, after it ran out of memory: what is done, as a
        sentence; empty if nothing leaner is there."""
        leaner = memory.leaner(model.plan.name, self._placement.device.type)
        if leaner is None or self._asked != memory.AUTO:
            return ""
        self._leanest[model.name] = leaner
        self._stale.add(self._key(model.name, model.placement.precision))
        return "Painted again, the model is kept in less memory."

    def decoder(self, name: str, vae: str, ask: Callable[[], LoadedModel]) -> Callable[[Tensor], Tensor]:
        """A function that decodes latents of a model, by its own VAE or another, and holds on to none: if it
        was let go meanwhile, ``ask`` finds it."""

        def decode(latents: Tensor) -> Tensor:
            return (self.here(name, vae) or ask()).decode(latents)

        return decode

    def here(self, name: str, vae: str = "") -> LoadedModel | None:
        """A model with that VAE, if both are in memory."""
        model = self._held.get(self._key(name))
        if model is None or not vae:
            return model
        found = next((each for each in self.vaes.held if each.name == vae), None)
        return None if found is None else model.with_vae(found)

    def close(self) -> None:
        """Let go of everything."""
        self.stop_unless(())
        self._closed.set()
        self._readers.shutdown(cancel_futures=True)
        self._pool.shutdown(cancel_futures=True)
        self.vaes.close()
        for key in list(self._held):
            self._let_go(key)

    def _key(self, name: str, precision: str = "") -> Key:
        return name, precision or self._placement.precision

    def _begin(self, key: Key, patient: bool) -> None:
        """Load a model behind; a patient one waits if there will be more room when others are done with."""
        if self.waits_for == key[0]:
            self.waits_for = ""
        try:
            source = self._library.source(key[0])
            found = self._plan(source, key, patient)
        except (StudioError, OSError) as error:
            self._loading[key] = _Loading(_failed(_told(key[0], error)))
            return
        if found is None:
            self.waits_for = key[0]
            return
        plan, lean = found
        stop = threading.Event()
        placement = dataclasses.replace(self._placement, precision=key[1])
        loaded = self._pool.submit(self._load, source, key[0], placement, plan, stop)
        self._loading[key] = _Loading(loaded, stop, lean)
        loaded.add_done_callback(lambda _: self._wake())

    def _plan(self, source: Source, key: Key, patient: bool) -> tuple[Plan, bool] | None:
        """How it is kept, after others that nobody needs were let go, and whether there would be more room when those
        are done with that are needed; None if it should wait for that."""
        if key[0] in OURS:
            return ALL_OF_IT, False
        weights, kind = weigh(source), self._placement.device.type
        choose = partial(memory.choose, weights, kind, key[1], asked=self._asked)
        not_before = self._leanest.get(key[0], memory.WHOLE)
        best = choose(free=2**62, not_before=not_before).name
        while True:
            try:
                plan = choose(free=self._free(), not_before=not_before)
            except StudioError:
                plan = None
            if (plan is not None and plan.name == best) or not self._make_room():
                break
        lean = (plan is None or plan.name != best) and any(name not in OURS for name, _ in self._held)
        if patient and lean:
            return None
        return plan or choose(free=self._free(), not_before=not_before), lean

    def _make_room(self) -> bool:
        """Let go of the model used longest ago that nothing is painted with."""
        used = self._in_use()
        for key, model in self._held.items():
            if model not in used and key[0] not in OURS:
                self._let_go(key)
                return True
        return False

    def _let_go(self, key: Key) -> None:
        self._stale.discard(key)
        self._held.pop(key).close()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _free(self) -> int:
        if self._budget is not None:
            models = sum(model.bytes_held for (name, _), model in self._held.items() if name not in OURS)
            return self._budget - models - sum(vae.bytes_held for vae in self.vaes.held)
        if self._placement.device.type == "cuda":
            device = self._placement.device
            spare = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            return int(torch.cuda.mem_get_info(device)[0]) + spare
        return int(psutil.virtual_memory().available)

    def _load(self, source: Source, name: str, placement: Placement, plan: Plan, stop: threading.Event) -> LoadedModel:
        began = time.perf_counter()

        def tell(done: int, total: int) -> None:
            spent = time.perf_counter() - began
            left = f", about {spent / done * (total - done):.0f} s" if spent > 1 else ""
            self._status.tell(f"loading {name} · {done / max(total, 1):.0%} of {total / 2**30:.1f} GB{left}")

        def stopped() -> bool:
            return stop.is_set() or self._closed.is_set()

        reading, kept = Reading(files(source), self._library.hashes, self._readers, tell, stopped), ""
        try:
            model = load(source, name, placement, plan, reading.sha256)
            kept = f"{name}: {plan.sentence}" if name not in OURS else ""
            return model
        except StudioError:
            stop.set()
            raise
        finally:
            reading.loaded()
            self._status.ready(str(placement), kept)


def _told(name: str, error: StudioError | OSError) -> StudioError:
    if isinstance(error, StudioError):
        return error
    log.warning("the model %s cannot be read", name, exc_info=error)
    return ModelUnavailable(f"The files of the model {name!r} cannot be read: {said(error)}.")


def _failed(error: StudioError) -> Future[LoadedModel]:
    future: Future[LoadedModel] = Future()
    future.set_exception(error)
    return future


def _close(loaded: Future[LoadedModel]) -> None:
    if not loaded.cancelled() and loaded.exception() is None:
        loaded.result().close()
