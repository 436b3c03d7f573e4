"""What can be seen inside a step."""

from __future__ import annotations

import dataclasses
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from studio import GenerationRequest, Run, Studio
from studio.diffusion.denoised import NoiseLevel
from studio.diffusion.preview import jpeg
from studio.errors import StudioError
from studio.timeline import frames_zip, inspector


@pytest.fixture(scope="module")
def run(studio: Studio) -> Run:
    painted = studio.submit(GenerationRequest(prompt="a cat on a street at night", seed=7, steps=12, cfg_scale=3.0))
    assert painted.result.paths
    return painted


def test_numbers_say_what_the_steps_did(run: Run) -> None:
    numbers = inspector.numbers(run.steps)
    assert [each.sigma for each in numbers] == sorted((each.sigma for each in numbers), reverse=True)
    assert all(each.log_snr == pytest.approx(-2 * math.log(each.sigma)) for each in numbers)
    assert numbers[-1].change < 0.1 < max(each.change for each in numbers[1:])
    assert all(each.guidance is not None and each.guidance > 0 for each in numbers)
    assert inspector.numbers([]) == []


@pytest.mark.parametrize(("level", "expected"), [(NoiseLevel(0.3, 0.7), -1.695), (NoiseLevel(1.0, 0.7), 0.713)])
def test_log_snr_is_signal_over_noise_with_flow_models_too(run: Run, level: NoiseLevel, expected: float) -> None:
    """A flow model's sigma of 0.7 leaves three tenths of the picture, another's leaves all of it."""
    step = dataclasses.replace(run.steps[0], level=level)
    assert step.sigma == 0.7
    assert inspector.numbers([step])[0].log_snr == pytest.approx(expected, abs=1e-3)
    assert frames_zip.about(run, [step])["steps"][0]["log_snr"] == pytest.approx(expected, abs=1e-3)


def test_pure_noise_and_pure_signal_have_infinite_log_snr() -> None:
    assert NoiseLevel(0.0, 1.0).log_snr == -math.inf
    assert NoiseLevel(1.0, 0.0).log_snr == math.inf


def test_the_prediction_used_lies_cfg_times_beyond_the_one_without_the_prompt(run: Run) -> None:
    step = run.steps[4]
    pair = inspector.predictions(step)
    assert pair is not None
    with_prompt, without = pair
    assert torch.allclose(without + 3.0 * (with_prompt - without), step.denoised, atol=2e-2)
    assert float((with_prompt - without).abs().max()) > 0.01


def test_without_guidance_there_is_no_effect_of_it(studio: Studio) -> None:
    plain = studio.submit(GenerationRequest(prompt="a cat", steps=2, cfg_scale=1.0, seed=1))
    assert plain.result.paths
    assert inspector.picture(plain.steps, 1, "where") is None
    assert inspector.numbers(plain.steps)[1].guidance is None


@pytest.mark.parametrize("view", inspector.VIEWS)
def test_every_view_is_a_picture_and_is_made_once(run: Run, view: str) -> None:
    first = inspector.picture(run.steps, 5, view)
    assert first is not None
    assert Image.open(io.BytesIO(first)).size == (128, 128)
    assert inspector.picture(run.steps, 5, view) is first


def test_the_first_step_has_no_change_before_it(run: Run) -> None:
    assert inspector.picture(run.steps, 0, "change") is None
    with pytest.raises(KeyError):
        inspector.picture(run.steps, 0, "soul")


def test_heat_is_brightest_where_there_is_most() -> None:
    values = torch.zeros(1, 1, 8, 8)
    values[..., 2, 3] = 4.0
    pixels = np.asarray(Image.open(io.BytesIO(jpeg(inspector.heat(values)))).convert("L"))
    assert divmod(int(pixels.argmax()), 8) == (2, 3)


def test_a_word_looks_where_its_thing_is(studio: Studio, run: Run) -> None:
    """The cat of the embedded model stands in the middle below; the night is in the sky above it."""
    maps = {each.word: each.map for each in studio.words(run, 8)}
    assert set(maps) == {"a", "cat", "on", "street", "at", "night"}
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    middle = {word: float((rows * map_).sum() / map_.sum()) for word, map_ in maps.items()}
    assert middle["cat"] > middle["night"] + 1
    across = float((columns * maps["cat"]).sum() / maps["cat"].sum())
    assert 4 < across < 12
    assert all(0 <= float(map_.min()) <= float(map_.max()) <= 1 for map_ in maps.values())


def test_looking_at_words_leaves_the_model_as_it_was(studio: Studio, run: Run) -> None:
    assert studio.engine is not None
    studio.words(run, 3)
    again = studio.submit(run.request)
    assert again.result.paths
    assert torch.equal(again.steps[-1].latents, run.steps[-1].latents)
    unet = studio.engine.model(run.request.model).denoiser
    assert not any("get_attention_scores" in vars(module) for module in unet.modules())


def test_a_model_without_a_unet_is_told(studio: Studio) -> None:
    from studio.diffusion.attention import word_maps
    from studio.diffusion.seams import ModelCall

    call = ModelCall(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).forward, {})
    with pytest.raises(StudioError, match="UNet"):
        word_maps(call, None, None, [""], 1)  # type: ignore[arg-type]
