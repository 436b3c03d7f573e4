"""Prompts joined by AND, at the model seam (Liu et al. 2022, https://arxiv.org/abs/2206.01714).

Under guidance a pipeline asks its denoiser, in one call, for rows without the prompt and as many with
it. Where the prompt has parts, the rows with it are asked for once for each part. The answers are put
together so that the pipeline's own arithmetic, without + CFG * (with - without), comes to
without + CFG * sum of weight_i * (with_i - without).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from studio.diffusion.seams import ModelCall


@dataclass(frozen=True)
class Composed:
    """The parts of a prompt that are in force at a step."""

    weights: tuple[float, ...]
    words: Mapping[str, tuple[Tensor, ...]]
    """By the denoiser's argument, what each part says: embeddings of N rows."""

    def asked(self, call: ModelCall, pictures: int) -> ModelCall:
        """A call of 2 N rows for N pictures as one of (1 + parts) N rows, for a denoiser or a ControlNet
        beside it; a ControlNet's answer to such a call is left as it is."""
        return dataclasses.replace(call, arguments=self._spread("", call.arguments, 2 * pictures))

    def answered(self, answer: Any, pictures: int) -> Any:
        """The denoiser's answer to such a call, for the pipeline: of 2 N rows."""

        def joined(rows: Tensor) -> Tensor:
            without, *with_each = rows.split(pictures)
            moved = [weight * (each - without) for weight, each in zip(self.weights, with_each, strict=True)]
            return torch.cat([without, without + torch.stack(moved).sum(0)])

        return pytree.tree_map_only(Tensor, joined, answer)

    def _spread(self, name: str, value: Any, rows: int) -> Any:
        if isinstance(value, dict):
            return {key: self._spread(key, item, rows) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._spread(name, item, rows) for item in value)
        if not isinstance(value, Tensor) or not value.dim() or len(value) != rows:
            return value
        without, with_prompt = value.chunk(2)
        told = self.words.get(name, (with_prompt,) * len(self.weights))
        return torch.cat([without, *(each.to(without) for each in told)])
