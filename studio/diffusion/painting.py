"""One run's denoising: an unmodified pipeline call in a greenlet, driven call by call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from studio.diffusion import noise, prompts, samplers
from studio.diffusion.denoised import denoised
from studio.diffusion.midway import START
from studio.diffusion.replay import Replay, Resume, pass_over
from studio.diffusion.seams import InRun, ModelCall, StepTaken, watch_steps
from studio.diffusion.snapshot import Snapshot
from studio.errors import NotANumber
from studio.models.loader import LoadedModel
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
    on from there; its first waiting call is then the first that is not passed over.
    """

    def __init__(
        self,
        request: GenerationRequest,
        model: LoadedModel,
        see: Callable[[StepSeen], None],
        resume: Resume | None = None,
    ) -> None:
        self.request, self.model = request, model
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
        if self._resume is None or self._replay is None:
            return len(self.scheduler.timesteps)
        return len(self.scheduler.timesteps) - self._replay.count + self._resume.at

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
        pipeline = self.model.pipeline_for(self.scheduler)
        watch_steps(self.scheduler, self._seen, self._replay)
        start = noise.starting_noise(self.model.latent_shape(request.width, request.height), self._sources)
        if self._resume is None:
            self._go_on()
        self.latents = pipeline(
            **prompts.conditioning(pipeline, request),
            num_inference_steps=request.steps,
            guidance_scale=request.cfg_scale,
            width=request.width,
            height=request.height,
            generator=self._sources,
            latents=start.to(self.model.device),
            output_type="latent",
            return_dict=False,
        )[0]

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
