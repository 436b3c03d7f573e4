"""One run's denoising: an unmodified pipeline call in a greenlet, driven call by call."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from studio.canvas.start import Start
from studio.diffusion import control, noise, prompts, samplers
from studio.diffusion.composed import Composed
from studio.diffusion.denoised import denoised
from studio.diffusion.inpaint import LatentBlend, latent_mask, masked_content
from studio.diffusion.midway import START
from studio.diffusion.replay import Replay, Resume
from studio.diffusion.seams import InRun, ModelCall, StepTaken, watch_noising, watch_steps
from studio.diffusion.snapshot import Snapshot
from studio.errors import NotANumber
from studio.models.adapters import Active, in_force
from studio.models.families.base import Task
from studio.models.library import Lora
from studio.models.loader import LoadedModel
from studio.presets import SAMPLERS
from studio.prompting.embeddings import Embedding
from studio.request import GenerationRequest

GREY = (127, 127, 127)
"""Of a picture that is all masked, the colour the inpainting models were trained to see."""


class Stopped(BaseException):
    """Thrown into a greenlet to end its run; no error, so no ``except Exception`` holds it up."""


@dataclass(frozen=True)
class StepSeen:
    """A step with what the step seam alone does not know."""

    taken: StepTaken
    guidance: Tensor | None
    """x0 with the prompt less x0 without it (N, C, h, w); None without guidance."""
    after: Snapshot


@dataclass(frozen=True)
class Given:
    """What a run is given beside its prompts: a picture to start from, ControlNets and their maps,
    one for each unit of the request, LoRAs and textual inversions."""

    start: Start | None = None
    controls: tuple[nn.Module, ...] = ()
    maps: tuple[Image.Image, ...] = ()
    loras: tuple[Lora, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    notes: tuple[str, ...] = ()
    """What is to be said of what was named and is not given, a sentence each."""


class Painting:
    """A run while it is being painted.

    ``waiting`` is the model call the pipeline waits for, None once it has ended; then
    ``latents`` holds the final ones. ``answer`` gives the pipeline what it waits for and runs
    it to its next call; errors of pipeline and sampler come out of it. With ``resume`` it goes
    on from there; its first waiting call is then the first that is not passed over.
    """

    def __init__(
        self,
        request: GenerationRequest,
        model: LoadedModel,
        see: Callable[[StepSeen], None],
        resume: Resume | None = None,
        given: Given = Given(),
    ) -> None:
        self.request, self.model = request, model
        self.given = given
        self._midway = resume.midway if resume else START
        self.scheduler = samplers.build(request, model.family.trained_as, self._midway)
        self.waiting: ModelCall | None = None
        self.latents: Tensor | None = None
        self._last: Tensor | None = None
        """What the last step made. Pipelines differ in what their call makes of that."""
        self._see, self._resume = see, resume
        self._replay = Replay(resume, request.sampler, self._go_on) if resume else None
        self._sources = noise.generators(request.seeds)
        self._noise: tuple[Tensor, ...] = ()
        self._composed: tuple[Composed | None, ...] = ()
        self._answered: list[Any] = []
        """What the denoiser has answered in this step."""
        self._left_out = request.skipped * SAMPLERS[request.sampler].evaluations if self._from_start else 0
        """How many of the scheduler's steps the pipeline itself leaves out, for the picture that it starts from."""
        self._done = self._left_out
        """How many of the scheduler's steps are behind, those left out or passed over counted in."""
        self._spoken = 0
        """How many ControlNets have answered in this step."""
        self._blend = self._blending()
        self._greenlet = InRun(self._paint)

    @property
    def evaluations(self) -> int:
        """Recorded steps of the whole run, those before ``resume`` counted in. Known once started."""
        whole = len(self.scheduler.timesteps) - self._left_out
        return whole if self._resume is None or self._replay is None else whole - self._replay.count + self._resume.at

    @property
    def loras(self) -> Active:
        """The LoRAs that the waiting call is computed with."""
        before_last = self.request.steps - 1  # PLMS asks once more than it has steps
        return in_force(self.given.loras, min(self._steps_done, before_last) / self.request.steps)

    @property
    def _steps_done(self) -> int:
        """How many of the sampler's steps are behind, those included that a picture stands in for."""
        passed_over = self._left_out + (self._replay.count if self._replay else 0)
        return max(self._done, passed_over) // SAMPLERS[self.request.sampler].evaluations

    @property
    def _skipped(self) -> int:
        """For how many of the sampler's steps a picture stands in that the run, or one before it, began from."""
        return self._midway.stood_in(self.request)

    @property
    def _parts(self) -> Composed | None:
        """The parts of the prompt that the waiting call is asked for."""
        painted = self._steps_done - self._skipped
        return self._composed[min(painted, len(self._composed) - 1)] if self._composed else None

    @property
    def _from_start(self) -> bool:
        """Whether one solver paints the whole run."""
        return self._midway == START

    def start(self) -> None:
        """Run the pipeline to its first model call."""
        self._switch(self._greenlet.switch)

    def answer(self, output: Any) -> None:
        """Hand the waiting call its output."""
        assert self.waiting is not None
        if self.waiting.module is self.model.denoiser:
            if self._parts is not None:
                output = self._parts.answered(output, self.request.batch_size)
            self._answered.append(output)
            self._spoken = 0
        else:
            unit = self.request.control[self._spoken]
            self._spoken += 1
            output = control.moded(output, unit.mode, self.request.batch_size)
        self._switch(lambda: self._greenlet.switch(output))

    def fail(self, error: BaseException) -> None:
        """Raise ``error`` inside the pipeline, at the call it waits for; it comes back out."""
        self.waiting = None
        if not self._greenlet.dead:
            self._greenlet.throw(error)

    def stop(self) -> None:
        """End the run now; the pipeline's own clean-up runs."""
        with contextlib.suppress(Stopped):
            self.fail(Stopped())

    def _switch(self, switch: Callable[[], Any]) -> None:
        said = switch()
        while isinstance(said, ModelCall) and self._replay is not None and self._replay.left:
            said = self._greenlet.switch(self.model.family.passed_over(said.module, said.arguments))
        self.waiting = said if isinstance(said, ModelCall) else None
        if self.waiting is not None and self._parts is not None:
            self.waiting = self._parts.asked(self.waiting, self.request.batch_size)

    @torch.no_grad()
    def _paint(self) -> None:
        request, given = self.request, self.given
        task = self._task
        pipeline = self.model.pipeline_for(self.scheduler, task, given.controls)
        if given.controls:  # Stable Diffusion 3's encode their maps by the generator that belongs to nobody
            torch.manual_seed(request.seed)
        watch_noising(self.scheduler, self._noised)
        watch_steps(self.scheduler, self._seen, self._replay, self._blend, self._sources, self._begun, self._left_out)
        told = prompts.conditioning(
            pipeline, request, self.model.family, self._reading, given.embeddings, self._midway.skipped
        )
        self._composed = told.composed
        further = self.model.family.guidance(request) | self.model.family.further(request)
        pipeline(
            **_taken(pipeline, told.arguments | further),
            **self._beginning(),
            **control.arguments(
                request.control,
                given.maps,
                self.model.family.maps if task == "text" else "control_image",
                beginning=self._midway.skipped / request.steps,
            ),
            num_inference_steps=request.steps,
            generator=self._sources,
            output_type="latent",
            return_dict=False,
        )
        self.latents = self._last

    def _reading(self) -> contextlib.AbstractContextManager[None]:
        return self.model.adapters.reading(self.given.loras)

    @property
    def _task(self) -> Task:
        if self.model.family.sees_masks:
            return "mask"
        return "text" if self.given.start is None else "picture"

    def _beginning(self) -> dict[str, Any]:
        """What of a pipeline's arguments says what to start from: noise, or a picture."""
        request, start = self.request, self.given.start
        size = self.model.family.size(request)
        if self.model.family.sees_masks:
            return size | self._masked(start or Start(Image.new("RGB", (request.width, request.height), GREY)))
        if start is not None and not self.model.family.edits:
            told = size if self.model.family.sized else {}
            return told | {"image": [start.picture] * request.batch_size, "strength": self._strength}
        drawn = self._starting_noise()
        seen = {} if start is None else {"image": start.picture}
        if start is not None and self._blend is not None:
            clean, packed = self.model.encode_picture(start.picture), self.model.family.packed
            self._blend.begin(packed(clean.expand_as(drawn)), packed(drawn))
        return size | seen | {"latents": self.model.family.beginning(drawn)}

    def _masked(self, start: Start) -> dict[str, Any]:
        """For a model that sees picture and mask beside the latents. At full strength it starts
        from noise alone."""
        count, strength = self.request.batch_size, self._strength if self.request.image else 1.0
        mask = start.mask or Image.new("L", start.picture.size, 255)
        told = {"image": [start.picture] * count, "mask_image": [mask] * count, "strength": strength}
        if self._from_start and self.request.skipped:
            return told
        return told | {"latents": self.model.family.beginning(self._starting_noise())}

    @property
    def _strength(self) -> float:
        # Where a solver has taken over, every step is in its own schedule, and so is every one passed over.
        return self.model.family.strength(self.request) if self._from_start else 1.0

    def _starting_noise(self) -> Tensor:
        shape = self.model.family.shape_of(self.request)
        return noise.varied(noise.starting_noise(shape, self._sources), self.request).to(self.model.device)

    def _blending(self) -> LatentBlend | None:
        """Holds what is outside the mask, for a model that does not see masks itself."""
        start, inpaint = self.given.start, self.request.inpaint
        if start is None or start.mask is None or inpaint is None or self.model.family.sees_masks:
            return None
        family = self.model.family
        mask = latent_mask(start.mask, family.scale, inpaint.soft).expand(-1, family.channels, -1, -1)
        skipped = self._skipped * SAMPLERS[self.request.sampler].evaluations
        return LatentBlend(family.packed(mask), inpaint.soft, self.scheduler, skipped)

    def _noised(self, clean: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """The forward process of the picture it starts from: what is noised, with what."""
        drawn, packed = noise.varied(drawn, self.request), self.model.family.packed
        if self._blend is not None:
            self._blend.begin(packed(clean), packed(drawn))
        start, inpaint = self.given.start, self.request.inpaint
        if start is None or start.mask is None or inpaint is None:
            return clean, drawn
        mask = latent_mask(start.mask, self.model.family.scale, inpaint.soft)
        # In rows, as the inpainting pipelines have it: the layout of what convolutions see decides the last bits.
        return masked_content(inpaint.content, clean.contiguous(), drawn, mask), drawn

    def _begun(self) -> None:
        """All that the beginning draws is drawn, be it noise or a picture that is noised."""
        if self._resume is None:
            self._go_on()

    def _go_on(self) -> None:
        noise.go_on(self._sources, self.request, self._resume.snapshot.noise if self._resume else ())

    def _seen(self, step: StepTaken) -> None:
        if not torch.isfinite(step.latents).all():
            raise NotANumber(
                "The model answered with values that are not numbers. Lower the CFG scale, try another "
                "sampler, or start with --precision fp32."
            )
        self._noise = noise.states(self._sources, self._noise)
        after = Snapshot(step.latents.float().cpu(), step.scheduler, self._noise)
        guidance = self._guidance(step)
        if guidance is not None and self._blend is not None:
            guidance = self._blend.inside(guidance, step.done)
        noisy, clean = self._unpacked(step.noisy), self._unpacked(step.denoised)
        seen = dataclasses.replace(step, noisy=noisy, denoised=clean)
        self._last = self._unpacked(step.latents)
        self._see(StepSeen(seen, None if guidance is None else self._unpacked(guidance), after))
        self._answered.clear()
        self._done = step.done

    def _unpacked(self, sample: Tensor) -> Tensor:
        return self.model.family.unpacked(sample, self.request.width, self.request.height)

    def _guidance(self, step: StepTaken) -> Tensor | None:
        """How far the prompt moves x0: its prediction with the prompt less that without. None
        without classifier-free guidance (Ho and Salimans 2022, https://arxiv.org/abs/2207.12598)."""
        answers = [self.model.family.answer(output)[:, : step.noisy.shape[1]] for output in self._answered]
        if len(answers) == 2 and len(answers[0]) == len(step.noisy):
            pair = answers[1], answers[0]  # transformers are asked with the prompt first, then without
        elif len(answers) == 1 and len(answers[0]) == 2 * len(step.noisy):
            before, after = answers[0].chunk(2)
            pair = before, after
        else:
            return None
        without, with_prompt = (denoised(self.scheduler, half, step.noisy, step.level) for half in pair)
        return with_prompt - without


def _taken(pipeline: Any, told: dict[str, Any]) -> dict[str, Any]:
    """What a pipeline's call takes of that: FLUX's for ControlNet and picture together knows no negative prompt."""
    taken = inspect.signature(pipeline.__call__).parameters
    return {name: value for name, value in told.items() if name in taken}
