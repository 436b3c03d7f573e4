"""A picture at any noise level of the model's own schedule."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from studio import Studio
from studio.errors import StudioError


def picture() -> Image.Image:
    values = np.linspace(0, 255, 96 * 64).reshape(64, 96)
    return Image.fromarray(np.stack([values, values[::-1], values[:, ::-1]], -1).astype(np.uint8))


def spread(jpeg: bytes) -> float:
    """How much neighbours differ: noise, of a smooth picture."""
    values = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), float)
    return float(np.abs(np.diff(values, axis=1)).mean())


def test_noise_rises_with_the_timestep_in_both_spaces(studio: Studio) -> None:
    found = [studio.noised(picture(), timestep) for timestep in (0, 100, 400, 999)]
    assert found[0].sigma == 0
    assert math.isinf(found[0].log_snr)
    assert [each.sigma for each in found] == sorted(each.sigma for each in found)
    assert [each.log_snr for each in found] == sorted((each.log_snr for each in found), reverse=True)
    pixels, latents = [spread(each.pixels) for each in found], [spread(each.latents) for each in found]
    assert pixels == sorted(pixels)
    assert latents[0] < latents[-1]
    assert found[3].sigma == pytest.approx(72.4, abs=0.1)


def test_sizes_are_those_of_the_model(studio: Studio) -> None:
    found = studio.noised(picture(), 250)
    assert (found.pixel_shape, found.latent_shape) == ((3, 128, 128), (8, 16, 16))
    tiny = studio.noised(picture(), 250, "tiny-v")
    assert (tiny.pixel_shape, tiny.latent_shape) == ((3, 64, 64), (4, 8, 8))


def test_clean_latents_decode_to_the_picture(studio: Studio) -> None:
    found = studio.noised(picture(), 0)
    pixels, decoded = (np.asarray(Image.open(io.BytesIO(jpeg)), float) for jpeg in (found.pixels, found.decoded))
    assert np.abs(pixels - decoded).mean() < 20  # colours of its world are all it has seen


def test_a_closing_studio_says_so(studio: Studio) -> None:
    closed = Studio(studio.settings)
    closed.close()
    with pytest.raises(StudioError, match="closing"):
        closed.noised(picture(), 10)
