"""Starting noise, and what variation seeds make of it."""

from __future__ import annotations

import pytest
import torch

from studio.diffusion.noise import generators, starting_noise, varied
from studio.request import GenerationRequest

SHAPE = (4, 16, 16)


def noise_of(request: GenerationRequest) -> torch.Tensor:
    return starting_noise(SHAPE, generators(request.seeds))


@pytest.mark.parametrize("seed", range(8))
def test_a_variation_towards_the_same_seed_is_the_noise_of_that_seed(seed: int) -> None:
    request = GenerationRequest(seed=seed, variation_seed=seed, variation_strength=0.3)
    assert torch.allclose(varied(noise_of(request), request), noise_of(request), atol=1e-3)


def test_a_batch_may_come_past_its_own_seed() -> None:
    """Further pictures take the next variation seed: here 5, 6, 7 and 8, from seed 7."""
    request = GenerationRequest(seed=7, variation_seed=5, variation_strength=0.3, batch_size=4)
    made = varied(noise_of(request), request)
    assert made.isfinite().all()
    assert torch.allclose(made[2], noise_of(request)[2], atol=1e-3)
    alone = GenerationRequest(seed=7, variation_seed=5, variation_strength=0.3)
    assert torch.equal(made[0], varied(noise_of(alone), alone)[0])


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_a_variation_is_as_strong_as_noise_is(strength: float) -> None:
    request = GenerationRequest(seed=7, variation_seed=5, variation_strength=strength)
    assert varied(noise_of(request), request).std().item() == pytest.approx(1, abs=0.1)
