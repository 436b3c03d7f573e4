"""Z-Image (Tongyi, 2025): its transformer is called with lists, one entry a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from studio.models.families.flow import FlowFamily
from studio.request import GenerationRequest


class ZImage(FlowFamily):
    """Turbo, which is not guided, and the one it was distilled from."""

    pipelines = ("ZImage",)
    even = True

    @property
    def multiple(self) -> int:
        """Its patches cover two by two latents."""
        return 2 * self.scale

    def guidance(self, request: GenerationRequest) -> dict[str, Any]:
        """Its pipelines count from 0 for none, where all others count from 1."""
        return {"guidance_scale": request.cfg_scale - 1}

    def answer(self, output: Any) -> Tensor:
        """Its transformer tells the way from noise to picture. The rows with the prompt come first where there are
        others; they are put last, as everywhere else."""
        rows = -torch.stack([each.float() for each in output[0]]).squeeze(2)
        return torch.cat(rows.chunk(2)[::-1])

    def passed_over(self, module: nn.Module, arguments: Mapping[str, Any]) -> tuple[Any, ...]:  # noqa: ARG002
        """A list of zeros, too."""
        return ([torch.zeros_like(each) for each in arguments["x"]],)
