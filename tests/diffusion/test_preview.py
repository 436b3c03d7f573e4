"""Previews: colours of the linear map, sizes of JPEGs, and the budget of real decodes."""

from __future__ import annotations

import io

import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studio.diffusion import linear_preview, preview


def test_the_linear_map_finds_a_linear_decoder() -> None:
    mixing = torch.tensor([[0.5, 0.2, -0.3], [0.1, 0.6, 0.2], [-0.2, 0.1, 0.7]])

    def decode(latents: torch.Tensor) -> torch.Tensor:
        return torch.einsum("nchw,cr->nrhw", latents, mixing).repeat_interleave(8, 2).repeat_interleave(8, 3)

    def encode(pictures: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(pictures, 8)

    fitted = linear_preview.fit(decode, encode)
    assert torch.allclose(fitted.weight, mixing, atol=1e-4)
    assert fitted.bias.abs().max() < 1e-4
    assert fitted(torch.full((1, 3, 2, 2), 9.0)).abs().max() <= 1


def size_of(jpeg: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(jpeg)).size


def test_a_batch_is_a_grid_and_large_pictures_are_scaled_down() -> None:
    assert size_of(preview.jpeg(torch.zeros(1, 3, 16, 24))) == (24, 16)
    assert size_of(preview.jpeg(torch.zeros(3, 3, 16, 16))) == (32, 32)
    assert size_of(preview.jpeg(torch.zeros(1, 3, 1024, 512))) == (256, 512)


@given(st.lists(st.tuples(st.floats(0.001, 0.5), st.floats(0.0001, 0.2)), max_size=200))
def test_real_decodes_stay_within_their_share(steps: list[tuple[float, float]]) -> None:
    """After the guess is replaced by a measurement, no decode that costs the same breaks the share."""
    budget, elapsed, spent = preview.PreviewBudget(0.05), 0.0, 0.0
    cost = preview.FIRST_GUESS_S
    for step_s, _ in steps:
        elapsed += step_s
        if budget.allows(elapsed):
            budget.spend(cost, decoded=True)
            spent += cost
    assert spent <= 0.05 * elapsed + 1e-9
