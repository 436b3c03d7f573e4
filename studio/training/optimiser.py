"""The optimiser of a training: AdamW, or Muon for the weights that are matrices and AdamW for the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

LEAST_SIDE = 32
"""A matrix with a shorter side (the last convolution's, say) has no directions worth balancing."""
ITERATIONS = 4
"""Of Newton and Schulz, one less than usual: on a CPU they take a fifth of a step."""


class Optimiser:
    """AdamW for a module's weights. With ``muon`` those of its linear layers and convolutions, these as matrices of
    one row for each output, go by Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) at AdamW's
    learning rate (Liu et al. 2025, "Muon is Scalable for LLM Training", https://arxiv.org/abs/2502.16982)."""

    def __init__(self, module: nn.Module, learning_rate: float, weight_decay: float, muon: bool = False) -> None:
        weights = list(_matrices(module)) if muon else []
        taken = {id(weight) for weight in weights}
        others = [value for value in module.parameters() if value.requires_grad and id(value) not in taken]
        shared: dict[str, Any] = {"lr": learning_rate, "weight_decay": weight_decay}
        # One kernel for all that is done to a weight, where there is one.
        fused = others[0].device.type in ("cuda", "cpu")
        self._parts: dict[str, torch.optim.Optimizer] = {
            "adamw": torch.optim.AdamW(others, betas=(0.9, 0.99), fused=fused, **shared)
        }
        self._matrices = [(weight, _as_matrix(weight)) for weight in weights]
        if muon:
            matrices = [matrix for _, matrix in self._matrices]
            self._parts["muon"] = torch.optim.Muon(
                matrices, adjust_lr_fn="match_rms_adamw", ns_steps=ITERATIONS, **shared
            )

    def step(self, learning_rate: float) -> None:
        """Go a step down the gradients, and forget them."""
        for weight, matrix in self._matrices:
            matrix.grad = None if weight.grad is None else _rows(weight.grad, weight)
            weight.grad = None
        for part in self._parts.values():
            for group in part.param_groups:
                group["lr"] = learning_rate
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what another one remembered."""
        for name, part in self._parts.items():
            part.load_state_dict(state[name])


def _matrices(module: nn.Module) -> Iterable[Tensor]:
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d) and part.weight.requires_grad:
            rows, columns = len(part.weight), part.weight[0].numel()
            if min(rows, columns) >= LEAST_SIDE:
                yield part.weight


def _rows(values: Tensor, like: Tensor) -> Tensor:
    """``values`` (O, I, ...) as a matrix (O, I * ...), in the order in which ``like`` lies in memory."""
    lies_last = like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last)
    return (values.permute(0, 2, 3, 1) if lies_last else values).flatten(1)


def _as_matrix(weight: Tensor) -> nn.Parameter:
    """A matrix in the weight's own memory, so that the one changes with the other."""
    matrix = _rows(weight.detach(), weight)
    if matrix.data_ptr() != weight.data_ptr():
        raise ValueError("The weight's memory is in no order that can be read as a matrix.")
    return nn.Parameter(matrix)
