"""Chroma (lodestones, 2025): FLUX.1 schnell's layout under T5 alone, with a real negative prompt."""

from collections.abc import Mapping
from typing import Any, ClassVar

from diffusers import ChromaImg2ImgPipeline

from studio.models.families.base import Task
from studio.models.families.flux import Flux
from studio.request import GenerationRequest


class Chroma(Flux):
    """Its guidance is the true one."""

    pipelines = ("Chroma",)
    control = ""
    classes: ClassVar[Mapping[Task, Any]] = {"picture": ChromaImg2ImgPipeline}

    def guidance(self, request: GenerationRequest) -> dict[str, Any]:
        """By CFG alone."""
        return {"guidance_scale": request.cfg_scale}
