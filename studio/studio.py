"""The studio: what programs use, and what the page uses."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from studio import limits
from studio.events import Failed
from studio.gallery.pictures import LOCAL
from studio.jobs import Jobs
from studio.models.library import EMBEDDED, Library
from studio.request import GenerationRequest
from studio.run import Run
from studio.settings import Settings
from studio.status import Status

if TYPE_CHECKING:
    from studio.engine import Engine

log = logging.getLogger("stepwise")


class Studio:
    """Paints requests in one engine thread behind it. Use it as a context manager.

    Making one returns at once: PyTorch, diffusers and the embedded model load in the engine's
    thread, and runs submitted meanwhile wait. ``status.state`` tells how far it is.
    """

    def __init__(self, settings: Settings = Settings()) -> None:
        self.settings = settings
        self.library = Library(settings.models)
        self.status = Status()
        self.engine: Engine | None = None
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
        limits.check(request)
        self.library.folder(request.model)
        run = Run(request.resolved(), owner, lease_s)
        self._jobs.put(run)
        return run

    @property
    def queue_length(self) -> int:
        """How many runs wait."""
        return len(self._jobs)

    def close(self) -> None:
        """Stop every run and the engine."""
        self._jobs.close()
        self._thread.join()

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

            self.engine = Engine(self._jobs, self.library, self.settings, self.status)
            self.engine.model(EMBEDDED)
            self.engine.serve()
        except Exception as error:
            log.exception("the engine has stopped")
            self.status.tell(f"cannot paint: {error}")
            self._refuse_all(str(error))

    def _refuse_all(self, sentence: str) -> None:
        while not self._jobs.closed:
            run = self._jobs.take(timeout=None)
            if run is not None:
                run.post(Failed(run=run.id, code="engine", sentence=sentence))
