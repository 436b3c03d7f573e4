"""FLUX.1 Kontext, which changes a picture as it is told, and FLUX.1 Fill, which was made for inpainting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from diffusers import FluxFillPipeline

from studio.models.families.base import Task
from studio.models.families.flux import Flux
from studio.request import GenerationRequest


class FluxKontext(Flux):
    """Its tokens of the picture follow those of the noise."""

    pipelines = ("FluxKontext",)
    control = ""
    edits = True

    def further(self, request: GenerationRequest) -> dict[str, Any]:
        """Its pipeline would paint every picture at the area it was trained on."""
        return {"max_area": request.width * request.height}


class FluxFill(Flux):
    """Its transformer gets picture and mask beside the latents."""

    pipelines = ("FluxFill",)
    control = ""
    classes: ClassVar[Mapping[Task, Any]] = {"mask": FluxFillPipeline}

    @property
    def sees_masks(self) -> bool:
        """Always."""
        return True

    def prompts(self, request: GenerationRequest) -> dict[str, Any]:
        """There is no negative one."""
        return {"prompt": [request.prompt] * request.batch_size}

    def guidance(self, request: GenerationRequest) -> dict[str, Any]:
        """The distilled one alone."""
        return {"guidance_scale": request.distilled_cfg_scale}
