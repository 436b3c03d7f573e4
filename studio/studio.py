"""The studio: what programs use, and what the page uses."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

from studio import limits
from studio.canvas.resize import resized
from studio.canvas.start import start_of
from studio.collector import without_rounds
from studio.course import EVERY_S, Course, Reading
from studio.errors import NothingToBranch, NotSaved, RequestRefused, StudioError
from studio.events import Event, Failed, Paused
from studio.gallery.collection import Collection
from studio.gallery.inputs import Inputs
from studio.gallery.pictures import LOCAL
from studio.gallery.quota import Quota
from studio.gallery.reconcile import reconcile
from studio.gallery.thumbnails import Thumbnails
from studio.jobs import Jobs
from studio.journal import Entry, Journal
from studio.models.download import Downloads
from studio.models.hashes import Hashes
from studio.models.library import EMBEDDED, Library
from studio.models.licences import Licences
from studio.presets import PRESETS, labelled
from studio.prompting import styles, wildcards
from studio.prompting.styles import Styles
from studio.prompting.wildcards import Wildcards
from studio.request import RESIZE_MODES, TEMPLATES, GenerationRequest
from studio.run import Run
from studio.settings import Settings
from studio.sharing.sharing import Sharing
from studio.status import Status
from studio.temperature import hottest
from studio.timeline.runs import Runs
from studio.timeline.words import steps_taken

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from studio.diffusion.attention import WordMap
    from studio.diffusion.forward_process import Noised
    from studio.engine import Engine
    from studio.prompting.counting import Count
    from studio.timeline.forward import Forward

log = logging.getLogger("stepwise")
DAY_S = 86_400.0
MOST_TRIES = 2
"""How often a run is begun: one that takes the process with it shall not do so for ever."""
TAKEN_UP_LEASE_S = 300.0
"""How long a run that is painted again after a restart goes on without its page, from its first step on."""
T = TypeVar("T")


class Studio:
    """Paints requests in one engine thread behind it. Use it as a context manager.

    Making one returns at once: PyTorch, diffusers and the embedded model load in the engine's
    thread, and runs submitted meanwhile wait. ``status.state`` tells how far it is.
    """

    def __init__(self, settings: Settings = Settings()) -> None:
        self.settings = settings
        outputs = settings.outputs
        self.library = Library(
            [*settings.models, outputs / "models"], hub=True, hashes=Hashes(outputs / ".model-hashes.sqlite")
        )
        self.downloads = Downloads(outputs / "models", Licences(outputs / ".licences.json"), self.library.rescan)
        """Models that are on their way from the hub."""
        self.wildcards = Wildcards(wildcards.folders(settings.wildcards, outputs, settings.models))
        """Files that prompts choose from."""
        self.styles = Styles(styles.files(PRESETS, settings.models, outputs, settings.styles))
        """Ready words for prompts."""
        self.status = Status()
        self.engine: Engine | None = None
        self.inputs = Inputs(settings.outputs / "inputs")
        """Pictures to start from, by the names that requests carry."""
        self.portraits = Thumbnails(outputs / "thumbnails" / "models", self.inputs.read)
        """Small pictures of what models make."""
        quota = Quota.of(settings)
        self.collection = Collection(settings.outputs, self.inputs, quota, settings.provenance)
        """Finished pictures, and the history of them."""
        self.sharing = Sharing(settings.outputs / ".sharing")
        """Links for others, and what they may have painted."""
        self._spilled = tempfile.TemporaryDirectory(prefix="stepwise-", ignore_cleanup_errors=True)
        self.runs = Runs(Path(self._spilled.name), settings.memory_mb, settings.steps_disk_mb, settings.most_runs)
        self._jobs = Jobs(settings.queue_size, settings.queue_per_owner)
        self._journal = Journal(settings.outputs / ".queue")
        self.course = Course()
        """How the machine did in the last minutes."""
        self._closing, self._imported = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="stepwise-engine", daemon=True)
        self._thread.start()
        self._tidying = threading.Thread(target=self._tidy, args=[time.time()], name="stepwise-history", daemon=True)
        self._tidying.start()
        self._reading = threading.Thread(target=self._read, name="stepwise-course", daemon=True)
        self._reading.start()

    def submit(
        self, request: GenerationRequest, owner: str = LOCAL, lease_s: float | None = None, draft: bool = False
    ) -> Run:
        """Let a request wait for its turn. With a lease, the run is stopped when nobody has
        called ``run.renew()`` for that many seconds. The pictures of a draft are not saved.

        Raises:
            RequestRefused: if it is outside the limits; no model is touched.
            ModelUnavailable: if there is no such model.
            QueueFull: if too much is waiting.
            QuotaReached: if there is no room for further pictures.
        """
        if request.branch is not None:
            raise RequestRefused("branch", "A branch is made from its run: use Studio.branch.")
        request = dataclasses.replace(request, **labelled({"sampler": request.sampler, "schedule": request.schedule}))
        limits.check(request)
        self.library.look_for(request)
        resolved = self.wildcards.chosen(request.resolved())
        if self.library.edits(resolved.model):
            resolved = dataclasses.replace(resolved, strength=1.0)
        return self._put(Run(resolved, owner, lease_s, draft=draft))

    def styled(self, request: GenerationRequest, names: Sequence[str]) -> GenerationRequest:
        """The request with the styles of those names in its prompts.

        Raises:
            RequestRefused: if there is none of a name.
        """
        prompt, negative = self.styles.applied(request.prompt, request.negative_prompt, names)
        return dataclasses.replace(request, prompt=prompt, negative_prompt=negative)

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
            changes["steps"] = steps_taken(leaving.request, at) + remaining
        changes |= labelled(changes)
        written = {template: "" for field, template in TEMPLATES.items() if field in changes}
        asked = dataclasses.replace(run.request, branch=leaving, **(written | changes))
        limits.check(asked)
        self.library.look_for(asked)
        return self._put(Run(self.wildcards.chosen(asked), run.owner, lease_s, origin))

    def go_on(self, run: Run, lease_s: float | None = None, **changes: Any) -> Run:
        """Paint a paused or stopped run on from its last step; ``changes`` as for ``branch``."""
        return self.branch(run, run.kept + len(run.recording), lease_s=lease_s, **changes)

    def open(self, path: Path, owner: str = LOCAL) -> Run:
        """A saved run, with all its steps; it can be branched and gone on with.

        Raises:
            UnreadableRun: if the file is truncated, of another version, or none at all.
            ModelUnavailable: if its model is not here.
        """
        self._imported.wait()
        from studio.timeline import saved  # here, since it loads PyTorch

        run, pictures = saved.open_run(path, owner, self._decoder)
        self.library.look_for(run.request)
        self.library.check(run.request)
        for name, png in pictures.items():
            self.collection.restore(name, png, owner)
        run.pictures = self._pictures(run)
        run.began_from = self._forward(run) if self._starts_from_picture(run) else None
        self.runs.add(run)
        self.runs.settle()
        return run

    def words(self, run: Run, index: int) -> list[WordMap]:
        """Where each word of the prompt looked at a step of a run (0 for the first). Costs one
        model call, made between two rounds of the engine.

        Raises:
            StudioError: for a model that is no UNet, or an engine that has stopped.
        """
        painter = run.painter(index)
        return self._ask(lambda engine: engine.words(painter, index), painter.request)

    def count(self, prompt: str, model: str) -> Count | None:
        """How many tokens a prompt has for a model, or one that is chosen from it, and where its chunks begin;
        None for a model that CLIP alone does not read for, or one that is not here, and for a prompt that would
        be refused as too long."""
        self._imported.wait()
        from studio.prompting.counting import count  # here, since it loads a tokenizer

        tokenizer = self.library.tokenizer(model)
        if tokenizer is None or not tokenizer.is_dir() or len(prompt) > limits.Limits().prompt_characters:
            return None
        with contextlib.suppress(RequestRefused):  # what cannot be chosen is counted as it stands
            prompt = self.wildcards.chosen(GenerationRequest(prompt=prompt, seed=0)).prompt
        return count(prompt, tokenizer)

    def noised(self, picture: Image.Image, timestep: int, model: str = EMBEDDED) -> Noised:
        """A picture after so many steps (0 to 999) of the noising a model was trained with, as
        pixels and as latents.

        Raises:
            StudioError: if the engine has stopped.
        """
        self._imported.wait()
        from studio.diffusion.forward_process import noised  # here, since it loads PyTorch
        from studio.gallery.inputs import upright

        side = self.library.native_side(model)
        small = resized(upright(picture), (side, side), RESIZE_MODES[0])
        return self._ask(lambda engine: noised(engine.model(model), small, timestep), GenerationRequest(model=model))

    def _starts_from_picture(self, run: Run) -> bool:
        return bool(run.request.image and len(run.recording)) and not self.library.edits(run.request.model)

    def _forward(self, run: Run) -> Forward:
        from studio.timeline.forward import Forward  # here, since it loads PyTorch

        request = run.request
        start = start_of(request, self.inputs.get)
        assert start is not None

        def encode() -> Tensor:
            model = self._ask(lambda engine: engine.model_of(request), request.decoded_with)
            return model.encode_picture(start.picture)

        return Forward(encode, run.first_step, request.skipped)

    def _decoder(self, request: GenerationRequest) -> Callable[[Tensor], Tensor]:
        return self._ask(lambda engine: engine.decoder(request))

    def _ask(self, errand: Callable[[Engine], T], request: GenerationRequest | None = None) -> T:
        def asked() -> T:
            if self.engine is None:
                raise StudioError("The engine has stopped: start Stepwise again.")
            return errand(self.engine)

        try:
            return self._jobs.ask(asked, request).result()
        except CancelledError:
            raise StudioError("The studio is closing.") from None

    def take_up(self) -> list[Run]:
        """Paint what an earlier process over the same outputs was asked for and had not ended when it was closed or
        killed: under the same ids, from the first step on, but for what has lost its models or pictures or was with
        two processes when they were killed. It waits where only a look through the folders finds what is asked for."""
        before: dict[tuple[str, GenerationRequest], Run] = {}
        taken = []
        for entry in self._journal.left():
            try:
                self.library.look_for(entry.request)
                finished = self.collection.history.made_by(entry.run) >= entry.request.batch_size
                if not finished and entry.tries < MOST_TRIES and not self._closing.is_set():
                    taken.append(self._again(entry, before))
                    continue
            except StudioError as error:
                log.warning("run %s is not taken up again: %s", entry.run, error)
            if self._closing.is_set():
                break  # the next process takes up what is left
            self._journal.drop(entry.run)
        return taken

    def _again(self, entry: Entry, before: dict[tuple[str, GenerationRequest], Run]) -> Run:
        request, owner = entry.request, entry.owner
        parent = self._parent_again(request, owner, before)
        run = Run(
            request, owner, TAKEN_UP_LEASE_S if owner != LOCAL else None, parent, identity=entry.run, patient=True
        )
        return self._queue(run, entry.tries + 1)

    def _parent_again(
        self, request: GenerationRequest, owner: str, before: dict[tuple[str, GenerationRequest], Run]
    ) -> Run | None:
        """The run that a branch left, painted anew to be branched from; nothing of it is saved."""
        if request.branch is None:
            return None
        left = request.branch.request
        if (owner, left) not in before:
            parent = Run(
                left, owner, TAKEN_UP_LEASE_S, self._parent_again(left, owner, before), draft=True, patient=True
            )
            before[owner, left] = self._queue(parent, MOST_TRIES)
        return before[owner, left]

    def _put(self, run: Run) -> Run:
        limits.check(run.request)
        self.collection.check_room(run.owner)
        self.sharing.admit(run)
        try:
            return self._queue(run)
        except StudioError:
            self.sharing.dropped(run)
            raise

    def _queue(self, run: Run, tries: int = 1) -> Run:
        """Let a run wait, for the first time or again; what is not a draft is noted down first."""
        self.library.check(run.request)
        run.pictures = self._pictures(run)
        run.when_ended = self._ended
        try:
            if not run.draft:
                self._journal.write(run, tries)
            self._jobs.put(run, accepted=tries > 1)
        except OSError as error:
            raise NotSaved(f"The request could not be written down: {error.strerror or error}.") from None
        except StudioError:
            if tries == 1:  # what is taken up again stays written down, should the studio be closing
                self._journal.drop(run.id)
            raise
        self.runs.add(run)
        return run

    def _ended(self, run: Run, end: Event) -> None:
        if self._closing.is_set() and isinstance(end, Paused):
            return
        try:
            self._journal.drop(run.id)
        except OSError:  # the run has ended all the same; at worst the next process paints it again
            log.exception("the entry of run %s could not be removed", run.id)

    def _pictures(self, run: Run) -> dict[str, Path]:
        return {name: self.collection.start(name, run.owner) for name in run.request.pictures}

    @property
    def waiting(self) -> list[Run]:
        """The runs that wait, in the order they will be painted."""
        return self._jobs.waiting()

    def gpu_memory(self) -> tuple[int, int] | None:
        """Bytes in use and bytes in all of the GPU; None without one, or before PyTorch is loaded."""
        torch = sys.modules.get("torch")
        if torch is None or self.engine is None or not torch.cuda.is_available():
            return None
        free, total = torch.cuda.mem_get_info(self.engine.device)
        return total - free, total

    @property
    def queue_length(self) -> int:
        """How many runs wait."""
        return len(self._jobs)

    def close(self) -> None:
        """Stop every run and the engine."""
        self._closing.set()
        self._jobs.close()
        self.library.close()
        self.downloads.close()
        self._thread.join()
        self._tidying.join()
        self._reading.join()
        self.collection.close()
        self._spilled.cleanup()

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tidy(self, started: float) -> None:
        """Bring history and files in step once, and then throw away once a day what is due."""
        tidy: Callable[[], object] = partial(reconcile, self.collection, started, self._closing.is_set)
        while True:
            try:
                tidy()
            except Exception:  # pictures are painted and kept without it; tomorrow it may be well again
                log.exception("the history could not be brought in step with the files")
            if self._closing.wait(DAY_S):
                return
            tidy = self.collection.purge

    def _read(self) -> None:
        """Read the machine, again and again."""
        process = psutil.Process()
        while True:
            steps, memory = self.status.state.steps, process.memory_info().rss
            self.course.note(
                Reading(time.monotonic(), steps, self.sharing.failed, self.queue_length, memory, hottest())
            )
            if self._closing.wait(EVERY_S):
                return

    def _work(self) -> None:
        try:
            self.status.tell("loading PyTorch and diffusers")
            # xformers says at import that its CUDA kernels do not load; models/device.py finds out.
            logging.getLogger("xformers").setLevel(logging.ERROR)
            with without_rounds():
                engine = self._begin()
            engine.serve()
        except Exception as error:
            log.exception("the engine has stopped")
            self.library.scanned.set()  # it may not even have begun to look
            self.status.tell(f"cannot paint: {error}")
            self._refuse_all(str(error))

    def _begin(self) -> Engine:
        """The engine, with the embedded model."""
        try:
            from studio.engine import Engine
        finally:
            self._imported.set()
        engine = self.engine = Engine(
            self._jobs, self.library, self.settings, self.status, self.runs, self.inputs, self.collection
        )
        # Not earlier, nor anything else that imports PyTorch: two threads that do at once trip over each other.
        self.library.watch(lambda: bool(engine.runs))
        engine.model(EMBEDDED)
        return engine

    def _refuse_all(self, sentence: str) -> None:
        while not self._jobs.closed:
            self._jobs.run_errands()
            run = self._jobs.take(timeout=None)
            if run is not None:
                run.post(Failed(run=run.id, code="engine", sentence=sentence))
