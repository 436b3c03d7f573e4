"""Joining: what fits is computed once and comes back as each alone; what does not fit stays apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from studio.diffusion import joining
from studio.diffusion.seams import ModelCall
from tests import tiny_models


@pytest.fixture(scope="module")
def unet() -> Any:
    torch.manual_seed(0)
    return tiny_models.unet().eval()


def call(unet: Any, seed: int, rows: int = 2, timestep: Any = None, **more: Any) -> ModelCall:
    source = torch.Generator().manual_seed(seed)
    arguments: dict[str, Any] = {
        "sample": torch.randn(rows, 4, 8, 8, generator=source),
        "timestep": torch.tensor(100.0 * seed) if timestep is None else timestep,
        "encoder_hidden_states": torch.randn(rows, 5, 32, generator=source),
        "return_dict": False,
    }
    return ModelCall(unet, unet.forward, arguments | more)


@torch.no_grad()
def test_joined_calls_come_back_as_each_alone(unet: Any) -> None:
    calls = [call(unet, 1), call(unet, 2, rows=4, timestep=torch.tensor(7)), call(unet, 3, rows=1, timestep=500)]
    assert len({joining.fit_key(one) for one in calls}) == 1
    joined = joining.join(calls)
    assert joined["sample"].shape[0] == joined["timestep"].shape[0] == 7
    parts = joining.split(unet(**joined), [joining.batch_size(one) for one in calls])
    for one, part in zip(calls, parts, strict=True):
        assert torch.allclose(part[0], unet(**one.arguments)[0], atol=1e-4)


def test_a_single_call_is_passed_on_untouched(unet: Any) -> None:
    one = call(unet, 1)
    assert joining.join([one]) is one.arguments
    answer = (torch.zeros(2, 4),)
    assert joining.split(answer, [2])[0] is answer


@pytest.mark.parametrize(
    "other",
    [
        {"sample": torch.zeros(2, 4, 16, 8)},
        {"encoder_hidden_states": torch.zeros(2, 6, 32)},
        {"sample": torch.zeros(2, 4, 8, 8, dtype=torch.bfloat16)},
        {"cross_attention_kwargs": {"scale": 0.5}},
        {"positions": torch.ones(7, 3)},
        {"positions": torch.zeros(3, 7)},
        {"positions": torch.zeros(7, 3, dtype=torch.bfloat16)},
        {"positions": None},
        {"more": torch.zeros(7, 3)},
    ],
)
def test_what_differs_beside_the_batch_does_not_fit(unet: Any, other: dict[str, Any]) -> None:
    plain = call(unet, 1, positions=torch.zeros(7, 3), cross_attention_kwargs=None)
    assert joining.fit_key(plain) == joining.fit_key(
        call(unet, 2, positions=torch.zeros(7, 3), cross_attention_kwargs=None)
    )
    changed = ModelCall(unet, unet.forward, plain.arguments | other)
    assert joining.fit_key(plain) != joining.fit_key(changed)


def test_another_module_does_not_fit(unet: Any) -> None:
    assert joining.fit_key(call(unet, 1)) != joining.fit_key(call(torch.nn.Identity(), 1))


def test_lists_of_tensors_as_controlnets_give_them_are_joined(unet: Any) -> None:
    def with_residuals(seed: int, rows: int) -> ModelCall:
        residuals: list[Tensor] = [torch.full((rows, 3), float(seed)), torch.full((rows, 5), float(seed))]
        return call(unet, seed, rows, down_block_additional_residuals=residuals)

    calls = [with_residuals(1, 2), with_residuals(2, 1)]
    assert joining.fit_key(calls[0]) == joining.fit_key(calls[1])
    first, second = joining.join(calls)["down_block_additional_residuals"]
    assert first[:, 0].tolist() == second[:, 0].tolist() == [1, 1, 2]


@torch.no_grad()
def test_residuals_and_conditions_reach_each_picture_through_a_real_unet(unet: Any) -> None:
    def controlled(seed: int, rows: int) -> ModelCall:
        source = torch.Generator().manual_seed(100 + seed)
        shapes = [(16, 8, 8), (16, 8, 8), (16, 4, 4), (32, 4, 4)]
        down = tuple(torch.randn(rows, *shape, generator=source) for shape in shapes)
        middle = torch.randn(rows, 32, 4, 4, generator=source)
        return call(
            unet,
            seed,
            rows,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=True,
        )

    calls = [controlled(1, 2), controlled(2, 1), controlled(3, 4)]
    parts = joining.split(unet(**joining.join(calls)), [joining.batch_size(one) for one in calls])
    for one, part in zip(calls, parts, strict=True):
        alone = unet(**one.arguments)
        assert type(part) is type(alone)
        assert torch.allclose(part.sample, alone.sample, atol=1e-4)


@pytest.mark.parametrize("timestep", [2, torch.tensor([2]), torch.tensor([2, 2]), torch.tensor(2.5)])
def test_a_timestep_of_any_form_is_spread_over_its_pictures(unet: Any, timestep: Any) -> None:
    calls = [call(unet, 1, timestep=timestep), call(unet, 2, timestep=7)]
    assert joining.fit_key(calls[0]) == joining.fit_key(calls[1])
    first = float(torch.as_tensor(timestep).flatten()[0])
    assert joining.join(calls)["timestep"].tolist() == [first, first, 7, 7]


def test_a_number_that_happens_to_equal_the_timestep_stays_a_number(unet: Any) -> None:
    calls = [call(unet, 1, timestep=5, frames=5), call(unet, 2, timestep=5, frames=5)]
    assert joining.join(calls)["frames"] == 5
    assert joining.fit_key(calls[0]) != joining.fit_key(call(unet, 2, timestep=5, frames=6))


def test_a_denoiser_without_a_timestep_can_be_joined() -> None:
    module = torch.nn.Identity()
    calls = [
        ModelCall(module, module.forward, {"hidden_states": torch.full((rows, 3), float(rows)), "mask": None})
        for rows in (1, 2)
    ]
    assert joining.fit_key(calls[0]) == joining.fit_key(calls[1])
    joined = joining.join(calls)
    assert joined.keys() == {"hidden_states", "mask"}
    assert joined["hidden_states"][:, 0].tolist() == [1, 2, 2]
    assert joined["mask"] is None
