"""The studio: what programs use, and what the page uses."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from studio import limits
from studio.diffusion.midway import START
from studio.errors import NothingToBranch, RequestRefused, StudioError
from studio.events import Failed
from studio.gallery.inputs import Inputs
from studio.gallery.pictures import LOCAL
from studio.jobs import Jobs
from studio.models.library import EMBEDDED, Library
from studio.request import GenerationRequest
from studio.run import Run
from studio.settings import Settings
from studio.status import Status
from studio.timeline.runs import Runs

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from studio.diffusion.attention import WordMap
    from studio.diffusion.forward_process import Noised
    from studio.engine import Engine
    from studio.timeline.forward import Forward

log = logging.getLogger("stepwise")
T = TypeVar("T")


class Studio:
    """Paints requests in one engine thread behind it. Use it as a context manager.

    Making one returns at once: PyTorch, diffusers and the embedded model load in the engine's
    thread, and runs submitted meanwhile wait. ``status.state`` tells how far it is.
    """

    def __init__(self, settings: Settings = Settings()) -> None:
        self.settings = settings
        self.library = Library(settings.models, hub=True)
        self.status = Status()
        self.engine: Engine | None = None
        self.inputs = Inputs(settings.outputs / "inputs")
        """Pictures to start from, by the names that requests carry."""
        self._spilled = tempfile.TemporaryDirectory(prefix="stepwise-", ignore_cleanup_errors=True)
        self.runs = Runs(settings.memory_mb * 2**20, Path(self._spilled.name), settings.most_runs)
        self._jobs = Jobs(settings.queue_size, settings.queue_per_owner)
        self._thread = threading.Thread(target=self._work, name="stepwise-engine", daemon=True)
        self._thread.start()

    def submit(self, request: GenerationRequest, owner: str = LOCAL, lease_s: float | None = None) -> Run:
        """Let a request wait for its turn. With a lease, the run is stopped when nobody has
        called ``run.renew()`` for that many seconds.

        Raises:
            RequestRefused: if it is outside the limits; no model is touched.
            ModelUnavailable: if there is no such model.
            QueueFull: if too much is waiting.
        """
        if request.branch is not None:
            raise RequestRefused("branch", "A branch is made from its run: use Studio.branch.")
        return self._put(Run(request.resolved(), owner, lease_s))

    def branch(
        self,
        run: Run,
        at: int,
        *,
        remaining: int | None = None,
        noise_seed: int | None = None,
        lease_s: float | None = None,
        **changes: Any,
    ) -> Run:
        """Paint on from a run's first ``at`` steps under changed settings (``prompt``,
        ``cfg_scale``, ``sampler``, ... as in ``GenerationRequest``). The steps before are shared,
        not computed again; without changes the result is the same to the bit. ``remaining`` is
        how many steps of the sampler are to come, ``noise_seed`` the seed of their noise.

        Raises:
            NothingToBranch: if there is no such step, or nothing left to paint after it.
            RequestRefused: if the changed request is outside the limits.
            QueueFull: if too much is waiting.
        """
        if not 0 <= at <= run.kept + len(run.recording):
            raise NothingToBranch(f"There is no step {at} to go on from.")
        if run.evaluations and at >= run.evaluations:
            raise NothingToBranch("There is nothing left to paint after the last step: go on from an earlier one.")
        origin, leaving = run.leaving(at, noise_seed)
        if remaining is not None:
            before = origin.request
            skipped = before.skipped if origin.midway == START else 0
            changes["steps"] = skipped + origin.midway.steps(before.sampler, at) + remaining
        return self._put(Run(dataclasses.replace(run.request, branch=leaving, **changes), run.owner, lease_s, origin))

    def go_on(self, run: Run, lease_s: float | None = None, **changes: Any) -> Run:
        """Paint a paused or stopped run on from its last step; ``changes`` as for ``branch``."""
        return self.branch(run, run.kept + len(run.recording), lease_s=lease_s, **changes)

    def open(self, path: Path, owner: str = LOCAL) -> Run:
        """A saved run, with all its steps; it can be branched and gone on with.

        Raises:
            UnreadableRun: if the file is truncated, of another version, or none at all.
            ModelUnavailable: if its model is not here.
        """
        from studio.timeline import saved  # here, since it loads PyTorch

        run, picture = saved.open_run(path, owner, self._decoder)
        self.library.folder(run.request.model)
        if picture:
            self.inputs.restore(run.request.image, picture)
            run.picture = self.inputs.path(run.request.image)
            run.began_from = self._forward(run) if len(run.recording) else None
        self.runs.add(run)
        return run

    def words(self, run: Run, index: int) -> list[WordMap]:
        """Where each word of the prompt looked at a step of a run (0 for the first). Costs one
        model call, made between two rounds of the engine.

        Raises:
            StudioError: for a model that is no UNet, or an engine that has stopped.
        """
        return self._ask(lambda engine: engine.words(run, index))

    def noised(self, picture: Image.Image, timestep: int, model: str = EMBEDDED) -> Noised:
        """A picture after so many steps (0 to 999) of the noising a model was trained with, as
        pixels and as latents.

        Raises:
            StudioError: if the engine has stopped.
        """
        from studio.diffusion.forward_process import noised  # here, since it loads PyTorch
        from studio.gallery.inputs import fitted, upright

        side = self.library.native_side(model)
        small = fitted(upright(picture), side, side)
        return self._ask(lambda engine: noised(engine.model(model), small, timestep))

    def _forward(self, run: Run) -> Forward:
        from studio.gallery.inputs import fitted
        from studio.timeline.forward import Forward  # here, since it loads PyTorch

        request = run.request
        picture = fitted(self.inputs.get(request.image), request.width, request.height)

        def encode() -> Tensor:
            return self._ask(lambda engine: engine.model(request.model)).encode_picture(picture)

        return Forward(encode, run.first_step, request.skipped)

    def _decoder(self, name: str) -> Callable[[Tensor], Tensor]:
        return self._ask(lambda engine: engine.model(name)).decode

    def _ask(self, errand: Callable[[Engine], T]) -> T:
        def asked() -> T:
            if self.engine is None:
                raise StudioError("The engine has stopped: start Stepwise again.")
            return errand(self.engine)

        try:
            return self._jobs.ask(asked).result()
        except CancelledError:
            raise StudioError("The studio is closing.") from None

    def _put(self, run: Run) -> Run:
        limits.check(run.request)
        self.library.folder(run.request.model)
        if run.request.image:
            run.picture = self.inputs.path(run.request.image)
        self._jobs.put(run)
        self.runs.add(run)
        return run

    @property
    def queue_length(self) -> int:
        """How many runs wait."""
        return len(self._jobs)

    def close(self) -> None:
        """Stop every run and the engine."""
        self._jobs.close()
        self.library.close()
        self._thread.join()
        self._spilled.cleanup()

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _work(self) -> None:
        try:
            self.status.tell("loading PyTorch and diffusers")
            # xformers says at import that its CUDA kernels do not load; models/device.py finds out.
            logging.getLogger("xformers").setLevel(logging.ERROR)
            from studio.engine import Engine

            self.engine = Engine(self._jobs, self.library, self.settings, self.status, self.runs, self.inputs)
            self.library.watch()  # not earlier: two threads that import PyTorch at once may trip over each other
            self.engine.model(EMBEDDED)
            self.engine.serve()
        except Exception as error:
            log.exception("the engine has stopped")
            self.status.tell(f"cannot paint: {error}")
            self._refuse_all(str(error))

    def _refuse_all(self, sentence: str) -> None:
        while not self._jobs.closed:
            self._jobs.run_errands()
            run = self._jobs.take(timeout=None)
            if run is not None:
                run.post(Failed(run=run.id, code="engine", sentence=sentence))
