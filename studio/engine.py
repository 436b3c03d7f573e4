"""The one worker: takes waiting runs, paints them together step by step, tells their events.

A round is: admit runs, drop the cancelled, group the model calls that fit together, compute
each group in one forward, hand every run its slice. All runs live in this one thread, so there
are no locks and the order is fixed. Previews and files are made in a second thread behind it.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import partial

import torch

from studio import forecast
from studio.active import Active
from studio.canvas.start import control_map, start_of
from studio.diffusion import joining, preview
from studio.diffusion.attention import WordMap, word_maps
from studio.diffusion.midway import START, Midway
from studio.diffusion.painting import Given, Painting, StepSeen, Stopped
from studio.diffusion.replay import Resume, resume
from studio.endings import OUT_OF_MEMORY, failure, is_out_of_memory, put_aside
from studio.errors import NotANumber, NothingToBranch, OutOfMemory, StudioError
from studio.events import Queued, Started, Step
from studio.gallery.collection import Collection
from studio.gallery.inputs import Inputs
from studio.jobs import Jobs
from studio.models.controls import Controls
from studio.models.device import choose
from studio.models.library import EMBEDDED, Library
from studio.models.loader import LoadedModel
from studio.models.shelf import Shelf
from studio.output import Output
from studio.pace import Pace
from studio.prompting.composition import parts
from studio.prompting.embeddings import Vocabulary, fitting
from studio.request import GenerationRequest
from studio.run import Run
from studio.settings import Settings
from studio.status import Status
from studio.timeline.forward import Forward
from studio.timeline.record import RecordedStep
from studio.timeline.runs import Runs
from studio.timeline.words import words_in_force
from studio.turns import in_turn, may_join

log = logging.getLogger("stepwise")
IDLE_WAIT_S = 1.0
FULL = "fp32"
TELL_EVERY_S = 1.0
"""How often waiting runs are told their place."""


class Engine:
    """Serves ``jobs`` until they are closed. Everything but ``forwards`` is its own affair."""

    def __init__(
        self,
        jobs: Jobs,
        library: Library,
        settings: Settings,
        status: Status,
        runs: Runs,
        kept: Inputs,
        collection: Collection,
    ) -> None:
        self._jobs, self._library, self._settings, self._status = jobs, library, settings, status
        self._runs, self._inputs = runs, kept
        self._placement = choose(settings.device, settings.precision)
        plan, most = settings.memory_plan, settings.model_bytes
        self.shelf = Shelf(library, self._placement, status, self._painted_with, jobs.wake, plan, most)
        self.controls = Controls(library, self._placement, status, self.shelf)
        self._active: list[Active] = []
        self._ending: list[Active] = []
        """Painted to their end, which is still to be decoded, written and told."""
        self._behind = ThreadPoolExecutor(1, "stepwise-previews")
        self._output = Output(collection, status)
        self._pace, self._told_places = Pace(), 0.0
        self.forwards = 0
        """Forwards computed so far, joined ones counted once."""

    def serve(self) -> None:
        """Paint until the queue is closed and empty of active runs."""
        try:
            while not self._jobs.closed:
                self._jobs.run_errands(partial(self._loaded_for, patient=False))
                self._admit()
                self._tell_places()
                self._round()
        finally:
            for active in list(self._active):
                self._stop(active)
            for run in self._jobs.waiting():
                run.post(put_aside(run))
            self._behind.shutdown()
            self.shelf.close()
            self.controls.close()

    @property
    def device(self) -> torch.device:
        """What it computes on."""
        return self._placement.device

    @property
    def runs(self) -> list[Run]:
        """The runs being painted now."""
        return [active.run for active in list(self._active)]

    def model(self, name: str, precision: str = "") -> LoadedModel:
        """The model of that name, in the precision chosen for this machine or another, loaded if it is not yet.

        Raises:
            ModelUnavailable: if it cannot be.
        """
        return self.shelf.get(name, precision)

    def model_of(self, request: GenerationRequest, precision: str = "") -> LoadedModel:
        """The model of a request, with the VAE that it chose.

        Raises:
            StudioError: if one of them cannot be loaded.
        """
        return self.shelf.get(request.model, precision, request.vae)

    def decoder(self, request: GenerationRequest) -> Callable[[torch.Tensor], torch.Tensor]:
        """A function from latents of a request's model to pictures, for any thread but the engine's."""
        return self.shelf.decoder(request.model, request.vae, partial(self._between_rounds, request))

    def _between_rounds(self, request: GenerationRequest) -> LoadedModel:
        """The model of a request for another thread, loaded behind if it was let go."""
        try:
            return self._jobs.ask(lambda: self.model_of(request), request.decoded_with).result()
        except CancelledError:
            raise StudioError("The studio is closing.") from None

    def _painted_with(self) -> list[LoadedModel]:
        return [active.painting.model.own for active in (*self._active, *self._ending)]

    def words(self, run: Run, index: int) -> list[WordMap]:
        """Where the words of the prompt looked at a step that a run painted itself; one forward. Only for the
        engine's own thread.

        Raises:
            StudioError: if that cannot be seen.
        """
        model = self.model(run.request.model)
        origin, branch = run.leaving(index)
        request = dataclasses.replace(run.request, branch=branch)
        resumed = _resume(request, origin, model)
        given = self._given(request, model)
        model.adapters.prepare(given.loras)
        painting = Painting(request, model, lambda _: None, resumed, given)
        painting.start()
        while painting.waiting is not None and painting.waiting.module is not model.denoiser:
            painting.answer(model.compute(painting.waiting, painting.waiting.arguments))
        assert painting.waiting is not None
        prompt, _ = words_in_force(run.request, index)
        model.adapters.activate(painting.loras)
        try:
            vocabulary = Vocabulary(model.tokenizer, given.embeddings)
            texts = [part.text for part in parts(prompt)] if model.family.composes else [prompt]
            return word_maps(painting.waiting, model.compute, vocabulary, texts, request.batch_size)
        finally:
            painting.stop()

    def _given(self, request: GenerationRequest, model: LoadedModel) -> Given:
        """The pictures and ControlNets of a request, ready for its model."""
        start = start_of(request, self._inputs.get)
        controls = [self.controls.get(unit.model) for unit in request.control]
        for one in controls:
            one.check_fits(model)
        led = {module for active in self._active for module in active.painting.given.controls}
        self.controls.settle({*led, *(one.module for one in controls)})
        maps = [control_map(self._inputs.get(unit.image), unit.resize_mode, request, start) for unit in request.control]
        loras = self._library.loras(request.prompt)
        asked = self._library.embeddings((request.prompt, request.negative_prompt))
        embeddings, notes = fitting(asked, model.family.word_widths)
        return Given(start, tuple(one.module for one in controls), tuple(maps), loras, embeddings, notes)

    def _admit(self) -> None:
        for run in self._jobs.waiting():
            if run.unwanted and self._jobs.remove(run):
                run.post(put_aside(run))
            elif run.parent is not None and run.parent.evaluations and not run.ready:
                run.parent.renew()  # nobody looks at one that is painted again for its branches' sake
        wanted = [*(run.request for run in self._jobs.waiting()), *self._jobs.asked()]
        first = {run.request.model for run in self._jobs.first() if run.ready}
        self.shelf.stop_unless({EMBEDDED, *(request.model for request in wanted)}, first)
        while taken := self._jobs.take(0 if self._active else IDLE_WAIT_S, self._has_turn):
            if taken.unwanted:
                taken.post(put_aside(taken))
            else:
                self._start(taken)

    def _has_turn(self, run: Run) -> bool:
        hands = [active.hand for active in self._active]
        if not (run.ready and may_join(hands, self._settings.concurrency, run.owner)):
            return False
        if self.shelf.waits_for not in ("", run.request.model):
            return False  # or the model that waits for room would wait for ever
        return self._loaded_for(run.request)

    def _loaded_for(self, request: GenerationRequest, patient: bool = True) -> bool:
        """Whether all that a request is painted with is here; what is missing is loaded behind. Who only looks is
        not ``patient``: the model takes what room there is, and nobody waits for it."""
        try:
            if not self.shelf.ready(request.model, request.vae, patient):
                return False
            parts = [self.controls.ready(unit.model) for unit in request.control]
            if not all(parts):
                return False
            model = self.shelf.here(request.model)
            return model is None or model.adapters.ready(self._library.loras(request.prompt))
        except Exception:
            return True  # it is told when the run begins

    def _tell_places(self) -> None:
        """Tell waiting runs, now and then, how many come before them and when their turn may be."""
        waiting, now = self._jobs.waiting(), time.monotonic()
        if not waiting or now - self._told_places < TELL_EVERY_S:
            return
        self._told_places = now
        painted = [(active.run, active.hand) for active in self._in_turn()]
        begin = forecast.begins(painted, waiting, self._settings.concurrency, self._pace)
        for ahead, (run, wait_s) in enumerate(zip(waiting, begin, strict=True)):
            place = Queued(run=run.id, ahead=ahead, wait_s=None if wait_s is None else round(wait_s))
            if place != run.last_event:
                run.post(place)

    def _in_turn(self) -> list[Active]:
        hands = [active.hand for active in self._active]
        return [self._active[index] for index in in_turn(hands, self._settings.concurrency)]

    def _start(self, run: Run) -> None:
        active = self._begin(run, run.request, run.parent)
        if active in self._active:
            self._tell_started(active)

    def _begin(self, run: Run, request: GenerationRequest, origin: Run | None, precision: str = "") -> Active | None:
        """Paint a run from noise, or on from the step of ``origin`` at which the request branches."""
        active: Active
        try:
            model = self.model_of(request, precision)
            resumed = _resume(request, origin, model)
            run.midway = resumed.midway if resumed else START
            run.weights_hash = model.weights_hash
            given = self._given(request, model)
            run.notes = (*model.adapters.prepare(given.loras), *given.notes)
            led = (active.painting.given.loras for active in self._active)
            model.adapters.settle({lora.adapter for loras in (given.loras, *led) for lora in loras})
            painting = Painting(request, model, lambda step: self._see(active, step), resumed, given)
            active = Active(run, painting, preview.PreviewBudget(preview.SHARE))
            self._active.append(active)
        except Exception as error:
            self._fail(run, error)
            return None
        self._advance(active, painting.start)
        return active

    def _tell_started(self, active: Active) -> None:
        run = active.run
        run.evaluations = active.painting.evaluations
        run.post(Started(run=run.id, steps=run.request.steps, evaluations=run.evaluations, kept=run.kept))
        for index, step in enumerate(run.steps[: run.kept]):
            run.post(self._told(active, index, step, step.draft))

    def _round(self) -> None:
        for active in list(self._active):
            if active.run.unwanted:
                self._stop(active)
        began, turn = time.perf_counter(), self._in_turn()
        groups: defaultdict[Hashable, list[Active]] = defaultdict(list)
        for active in turn:
            alone = active.run.id if active.run.request.reproducible else None
            groups[alone, active.painting.loras, joining.fit_key(active.call)].append(active)
        for group in groups.values():
            rows = [joining.batch_size(active.call) for active in group]
            for part in self._pace.split(group[0].kind, rows):
                self._compute([group[index] for index in part])
        for active in self._active:
            if active not in turn:
                active.aside_s += time.perf_counter() - began

    def _compute(self, group: Sequence[Active]) -> None:
        """One forward for calls that fit, and every run its slice of the answer."""
        calls = [active.call for active in group]
        began = time.perf_counter()
        try:
            model = group[0].painting.model
            model.adapters.activate(group[0].painting.loras)
            answer = model.compute(calls[0], joining.join(calls))
            rows = [joining.batch_size(call) for call in calls]
            answers = joining.split(answer, rows, joining.listed(calls[0]))
            self._placement.settle()
        except Exception as error:
            self._recover(group, error)
            return
        self.forwards += 1
        took = time.perf_counter() - began
        self._pace.count(group[0].kind, sum(rows), took)
        for active in group:
            active.served_s += took
            active.step_s += took / len(group)
        for active, part in zip(group, answers, strict=True):
            self._advance(active, partial(active.painting.answer, part))

    def _recover(self, group: Sequence[Active], error: Exception) -> None:
        """Together they may be too much for the memory, or one of them is ill: each alone. One
        alone is told, inside its pipeline."""
        if len(group) > 1:
            for active in group:
                self._compute([active])
        else:
            self._advance(group[0], partial(group[0].painting.fail, self._lean(group[0], error)))

    def _lean(self, active: Active, error: Exception) -> Exception:
        """The error; where the memory ran out, the model is kept in less of it from now on."""
        if not is_out_of_memory(error):
            return error
        return OutOfMemory(f"{OUT_OF_MEMORY} {self.shelf.ran_out(active.painting.model.own)}".strip())

    def _advance(self, active: Active, move: Callable[[], None]) -> None:
        """Let the run go on to its next model call, its end or its failure."""
        try:
            move()
        except Stopped:
            self._leave(active)
        except NotANumber as error:
            self._leave(active)
            self._once_more(active, error)
        except Exception as error:
            self._leave(active)
            self._fail(active.run, self._lean(active, error))
        else:
            if active.painting.waiting is None and active.painting.latents is not None:
                self._leave(active, partial(self._output.finish, active), self._runs.settle)

    def _once_more(self, before: Active, error: NotANumber) -> None:
        """Half precision overflows in some models: go on from the last good step in fp32, once."""
        run, placement = before.run, before.painting.model.placement
        if placement.precision == FULL:
            self._fail(run, error)
            return
        log.warning("run %s met values that are not numbers: it goes on in %s", run.id, FULL)
        origin, branch = run.leaving(run.kept + len(run.recording))
        self._begin(run, dataclasses.replace(run.request, branch=branch), origin, FULL)

    def _stop(self, active: Active) -> None:
        self._advance(active, active.painting.stop)
        self._leave(active)
        self._behind.submit(active.run.post, put_aside(active.run))
        self._behind.submit(self._runs.settle)

    def _leave(self, active: Active, *lastly: Callable[[], None]) -> None:
        """Paint no more of it. What is ``lastly`` done is done behind, and until then its model is in use."""
        if active in self._active:
            self._active.remove(active)
            self._ending.append(active)
            for act in lastly:
                self._behind.submit(act)
            self._behind.submit(self._ended, active)

    def _ended(self, active: Active) -> None:
        self._ending.remove(active)
        self._jobs.wake()

    def _fail(self, run: Run, error: Exception) -> None:
        self._behind.submit(run.post, failure(run, error))
        self._behind.submit(self._runs.settle)

    def _see(self, active: Active, seen: StepSeen) -> None:
        """The step seam: record what happened, and have it previewed behind the denoising."""
        run, taken = active.run, seen.taken
        record = RecordedStep(
            timestep=taken.timestep,
            level=taken.level,
            cfg_scale=run.request.cfg_scale,
            noisy=taken.noisy.float().cpu(),
            denoised=taken.denoised.float().cpu(),
            guidance=None if seen.guidance is None else seen.guidance.half().cpu(),
            after=seen.after,
            decode=self.decoder(run.request),
        )
        run.recording.append(record)
        self._status.count(active.step_s)
        active.step_s = 0.0
        start = active.painting.given.start
        if (
            start is not None
            and not active.painting.model.family.edits
            and run.parent is None
            and len(run.recording) == 1
        ):
            request, picture = run.request, start.picture
            encode = lambda: self._between_rounds(request).encode_picture(picture)  # noqa: E731
            run.began_from = Forward(encode, run.first_step, run.request.skipped)
        told = self._told(active, run.kept + len(run.recording) - 1, record)
        if self._settings.previews:
            self._behind.submit(self._output.preview, active, told, record, taken.denoised)
        else:
            run.post(told)

    def _told(self, active: Active, index: int, step: RecordedStep, picture: bytes | None = None) -> Step:
        run, elapsed = active.run, active.elapsed_s
        done = len(run.recording)
        return Step(
            run=run.id,
            index=index,
            total=active.painting.evaluations,
            sigma=step.sigma,
            timestep=step.timestep,
            elapsed_s=elapsed,
            left_s=elapsed / max(done, 1) * (active.painting.evaluations - run.kept - done),
            preview=picture,
        )


def _resume(request: GenerationRequest, parent: Run | None, model: LoadedModel) -> Resume | None:
    """Where a branch goes on; None for a run from noise.

    Raises:
        NothingToBranch: if that step is not there, or is of other weights.
    """
    if parent is None or request.branch is None or request.branch.at == 0:
        return None
    # Of one loading they are the same, and need not be waited for while the files are still read.
    if parent.weights_hash is not model.weights_hash and parent.weights_hash() != model.weights_hash():
        raise NothingToBranch(f"This run was painted with other weights of {request.model} than are there now.")
    return resume(request, parent.steps, _midway(request.branch.request, parent, model), model.family)


def _midway(request: GenerationRequest, run: Run, model: LoadedModel) -> Midway:
    """Where the solver of a request took over from another: of a run, or of one before it whose steps it has since it
    was opened."""
    if request == run.request:
        return run.midway
    if request.branch is None or request.branch.at == 0:
        return START
    return resume(request, run.steps, _midway(request.branch.request, run, model), model.family).midway
