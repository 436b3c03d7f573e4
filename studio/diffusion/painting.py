"""One run's denoising: an unmodified pipeline call in a greenlet, driven call by call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from studio.diffusion import noise, prompts, samplers
from studio.diffusion.denoised import denoised
from studio.diffusion.midway import START
from studio.diffusion.replay import Replay, Resume, pass_over
from studio.diffusion.seams import InRun, ModelCall, StepTaken, watch_steps
from studio.diffusion.snapshot import Snapshot
from studio.errors import NotANumber
from studio.models.loader import LoadedModel
from studio.presets import SAMPLERS
from studio.request import GenerationRequest


class Stopped(BaseException):
    """Thrown into a greenlet to end its run; no error, so no ``except Exception`` holds it up."""


@dataclass(frozen=True)
class StepSeen:
    """A step with what the step seam alone does not know."""

    taken: StepTaken
    guidance: Tensor | None
    """x0 with the prompt less x0 without it (N, C, h, w); None without guidance."""
    after: Snapshot


class Painting:
    """A run while it is being painted.

    ``waiting`` is the model call the pipeline waits for, None once it has ended; then
    ``latents`` holds the final ones. ``answer`` gives the pipeline what it waits for and runs
    it to its next call; errors of pipeline and sampler come out of it. With ``resume`` it goes
    on from there; its first waiting call is then the first that is not passed over. ``picture`` is
    what the request starts from, at its size.
    """

    def __init__(
        self,
        request: GenerationRequest,
        model: LoadedModel,
        see: Callable[[StepSeen], None],
        resume: Resume | None = None,
        picture: Image.Image | None = None,
    ) -> None:
        self.request, self.model = request, model
        self.picture = picture
        self.scheduler = samplers.build(request, model.trained_as, resume.midway if resume else START)
        self.waiting: ModelCall | None = None
        self.latents: Tensor | None = None
        self._see, self._resume = see, resume
        self._replay = Replay(resume, request.sampler, self._go_on) if resume else None
        self._sources = noise.generators(request.seeds)
        self._noise: tuple[Tensor, ...] = ()
        self._answered: Any = None
        self._greenlet = InRun(self._paint)

    @property
    def evaluations(self) -> int:
        """Recorded steps of the whole run, those before ``resume`` counted in. Known once started."""
        skipped = self.request.skipped * SAMPLERS[self.request.sampler].evaluations if self._from_start else 0
        whole = len(self.scheduler.timesteps) - skipped
        return whole if self._resume is None or self._replay is None else whole - self._replay.count + self._resume.at

    @property
    def _from_start(self) -> bool:
        """Whether one solver paints the whole run."""
        return self._resume is None or self._resume.midway == START

    def start(self) -> None:
        """Run the pipeline to its first model call."""
        self._switch(self._greenlet.switch)

    def answer(self, output: Any) -> None:
        """Hand the waiting call its output."""
        self._answered = output
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
            said = self._greenlet.switch(pass_over(said.arguments, int(said.module.config.out_channels)))  # type: ignore[union-attr, arg-type]
        self.waiting = said if isinstance(said, ModelCall) else None

    @torch.no_grad()
    def _paint(self) -> None:
        request = self.request
        pipeline = self.model.pipeline_for(self.scheduler, from_picture=self.picture is not None)
        watch_steps(self.scheduler, self._seen, self._replay)
        self.latents = pipeline(
            **prompts.conditioning(pipeline, request),
            **self._beginning(),
            num_inference_steps=request.steps,
            guidance_scale=request.cfg_scale,
            generator=self._sources,
            output_type="latent",
            return_dict=False,
        )[0]

    def _beginning(self) -> dict[str, Any]:
        """What of a pipeline's arguments says what to start from: noise, or a picture."""
        request = self.request
        if self.picture is not None:
            # Where a solver has taken over, every step is in its own schedule, and so is every one passed over.
            strength = request.strength if self._from_start else 1.0
            return {"image": [self.picture] * request.batch_size, "strength": strength}
        shape = self.model.latent_shape(request.width, request.height)
        start = noise.starting_noise(shape, self._sources).to(self.model.device)
        if self._resume is None:
            self._go_on()
        return {"latents": start, "width": request.width, "height": request.height}

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
        self._see(StepSeen(step, self._guidance(step), after))

    def _guidance(self, step: StepTaken) -> Tensor | None:
        """How far the prompt moves x0: its prediction with the prompt less that without. None
        without classifier-free guidance (Ho and Salimans 2022, https://arxiv.org/abs/2207.12598)."""
        output = self._answered[0] if isinstance(self._answered, tuple) else None
        if not isinstance(output, Tensor) or len(output) != 2 * len(step.noisy):
            return None
        without, with_prompt = (denoised(self.scheduler, half, step.noisy, step.level) for half in output.chunk(2))
        return with_prompt - without
