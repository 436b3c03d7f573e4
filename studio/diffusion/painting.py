"""One run's denoising: an unmodified pipeline call in a greenlet, driven call by call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from studio.diffusion import noise, samplers
from studio.diffusion.seams import InRun, ModelCall, StepTaken, watch_steps
from studio.errors import NotANumber
from studio.models.loader import LoadedModel
from studio.request import GenerationRequest


class Stopped(BaseException):
    """Thrown into a greenlet to end its run; no error, so no ``except Exception`` holds it up."""


class Painting:
    """A run while it is being painted.

    ``waiting`` is the model call the pipeline waits for, None once it has ended; then
    ``latents`` holds the final ones. ``answer`` gives the pipeline what it waits for and runs
    it to its next call; errors of pipeline and sampler come out of it.
    """

    def __init__(self, request: GenerationRequest, model: LoadedModel, see: Callable[[StepTaken], None]) -> None:
        self.request, self.model = request, model
        self.scheduler = samplers.build(request, model.trained_as)
        self.waiting: ModelCall | None = None
        self.latents: Tensor | None = None
        self._see = see
        self._greenlet = InRun(self._paint)

    def start(self) -> None:
        """Run the pipeline to its first model call."""
        self._switch(self._greenlet.switch)

    def answer(self, output: Any) -> None:
        """Hand the waiting call its output."""
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
        self.waiting = said if isinstance(said, ModelCall) else None

    @torch.no_grad()
    def _paint(self) -> None:
        request = self.request
        pipeline = self.model.pipeline_for(self.scheduler)
        watch_steps(self.scheduler, self._seen)
        sources = noise.generators(request.seeds)
        start = noise.starting_noise(self.model.latent_shape(request.width, request.height), sources)
        self.latents = pipeline(
            prompt=[request.prompt] * request.batch_size,
            negative_prompt=[request.negative_prompt] * request.batch_size,
            num_inference_steps=request.steps,
            guidance_scale=request.cfg_scale,
            width=request.width,
            height=request.height,
            generator=sources,
            latents=start.to(self.model.device),
            output_type="latent",
            return_dict=False,
        )[0]

    def _seen(self, step: StepTaken) -> None:
        if not torch.isfinite(step.latents).all():
            raise NotANumber(
                "The model answered with values that are not numbers. Lower the CFG scale, try another "
                "sampler, or start with --precision fp32."
            )
        self._see(step)
