"""The optimiser: balanced steps for matrices, AdamW's for the rest, and it goes on where it was."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from studio.training.loop import Loop, Plan
from studio.training.optimiser import Optimiser

RATE = 1e-3


def pair(seed: int, lies_last: bool) -> nn.Sequential:
    """A convolution and a linear layer over its channels, with gradients of very different sizes by direction."""
    torch.manual_seed(seed)
    pair = nn.Sequential(nn.Conv2d(32, 48, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 40))
    return pair.to(memory_format=torch.channels_last) if lies_last else pair


def fall(module: nn.Sequential, seed: int) -> None:
    given = torch.randn(64, 32, 6, 6, generator=torch.Generator().manual_seed(seed)) * torch.linspace(0.1, 3, 6)
    module(given).square().mean().backward()


def singular(weight: Tensor) -> Tensor:
    return torch.linalg.svdvals(weight.flatten(1))


@pytest.mark.parametrize("lies_last", [False, True])
def test_a_matrix_goes_as_far_in_all_directions_of_its_gradient(lies_last: bool) -> None:
    module = pair(0, lies_last)
    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    optimiser = Optimiser(module, RATE, 0.0, muon=True)
    fall(module, 1)
    gradient = next(module.parameters()).grad
    assert gradient is not None
    least, most = singular(gradient)[[39, 0]]
    assert most > 20 * least, "the gradient itself is unbalanced"
    optimiser.step(RATE)
    moved = {name: (value.detach() - before[name]) for name, value in module.named_parameters()}
    for name, longest in (("0.weight", 32 * 9), ("3.weight", 48)):
        steps = singular(moved[name])[:30] / (RATE * 0.2 * longest**0.5)
        assert 0.3 < float(steps.min()) <= float(steps.max()) < 1.4, name
    assert torch.allclose(moved["3.bias"].abs(), torch.tensor(RATE), rtol=0.05), "AdamW's first step"
    assert all(value.grad is None for value in module.parameters())


@pytest.mark.parametrize("muon", [False, True])
def test_it_goes_on_where_another_one_was(muon: bool) -> None:
    first, second = pair(0, True), pair(1, True)
    known = Optimiser(first, RATE, 0.01, muon)
    fall(first, 1)
    known.step(RATE)
    second.load_state_dict(first.state_dict())
    again = Optimiser(second, RATE, 0.01, muon)
    again.load_state_dict(deepcopy(known.state_dict()))
    for module, optimiser in ((first, known), (second, again)):
        fall(module, 2)
        optimiser.step(RATE / 2)
    assert all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True))


def test_a_training_with_another_optimiser_begins_anew(tmp_path: Path) -> None:
    module = nn.Linear(32, 32)
    loop = Loop(module, Plan(tmp_path, "line", 1 / 60, RATE))
    loop.run(lambda: (module(torch.ones(1, 32)).square().mean(), 1), lambda: None)
    assert Loop(nn.Linear(32, 32), Plan(tmp_path, "line", 1 / 60, RATE)).step == loop.step
    assert Loop(nn.Linear(32, 32), Plan(tmp_path, "line", 1 / 60, RATE, muon=True)).step == 0
