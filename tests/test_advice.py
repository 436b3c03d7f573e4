"""Advice speaks where a choice is likely a mistake, and is silent where it is not."""

from __future__ import annotations

import dataclasses

import pytest

from studio import GenerationRequest
from studio.advice import on_cfg, on_marks, on_size, on_steps
from studio.few_steps import in_few_steps
from studio.models.library import EMBEDDED_QUICK
from studio.presets import FITTING


def test_the_defaults_need_no_advice() -> None:
    request = GenerationRequest()
    assert on_steps(request.steps, request.sampler) == ""
    assert on_cfg(request.cfg_scale, request.sampler) == ""
    assert on_size(request.width, request.height, 128) == ""


@pytest.mark.parametrize(
    ("steps", "sampler", "word"),
    [
        (4, "Euler", "Few for Euler"),
        (10, "Euler", ""),
        (100, "Euler", ""),
        (101, "Euler", "rarely changes anything"),
        (20, "LCM", "4 to 8 are enough"),
        (4, "TCD", "others stay blurred"),
        (4, "Fancy 9000", "Few for Fancy 9000"),
    ],
)
def test_advice_on_steps(steps: int, sampler: str, word: str) -> None:
    assert word in on_steps(steps, sampler)
    assert bool(word) == bool(on_steps(steps, sampler))


@pytest.mark.parametrize(
    ("cfg_scale", "sampler", "word"),
    [
        (1, "Euler", "negative prompt is not used"),
        (7, "Euler", ""),
        (16, "Euler", "colours burn"),
        (5, "LCM", "Few-step models want 1 to 2"),
        (1.5, "LCM", ""),
        (7, "Fancy 9000", ""),
    ],
)
def test_advice_on_guidance(cfg_scale: float, sampler: str, word: str) -> None:
    assert word in on_cfg(cfg_scale, sampler)
    assert bool(word) == bool(on_cfg(cfg_scale, sampler))


@pytest.mark.parametrize(
    ("width", "height", "native", "word"),
    [
        (512, 512, 512, ""),
        (512, 768, 512, ""),
        (100, 128, 128, "multiples of 8"),
        (1024, 1024, 512, "may appear twice"),
        (256, 256, 512, "may be cut off"),
    ],
)
def test_advice_on_the_size(width: int, height: int, native: int, word: str) -> None:
    assert word in on_size(width, height, native)
    assert bool(word) == bool(on_size(width, height, native))


def test_a_model_told_its_guidance_wants_no_other() -> None:
    flux = FITTING["FLUX.1"]
    assert on_cfg(1, "Euler", flux) == ""
    assert "takes twice as long" in on_cfg(3, "Euler", flux)
    assert on_steps(flux.steps, flux.sampler, flux) == ""


@pytest.mark.parametrize(
    ("prompt", "family", "word"),
    [
        ("a (cat:1.3)", "SD 1.x", ""),
        ("a (cat:1.3)", "FLUX.1", "plain text: (weights). Say"),
        ("a [cat]", "Z-Image-Turbo", "plain text: (weights). Say"),
        ("a cat BREAK a (dog)", "SD 3", "plain text: (weights), BREAK."),
        ("a cat, and a dog", "FLUX.1", ""),
        ("a [cat:dog:0.5]", "SD 3", ""),
        ("a cat AND a dog", "SD 1.x", ""),
        ("a cat AND a dog", "PixArt-Sigma-XL-2-1024-MS", "plain text: AND."),
        (r"a cat \(asleep\)", "FLUX.1", r"plain text: \( and other escapes."),
        (r"a cat \(asleep\)", "SDXL", ""),
    ],
)
def test_marks_that_are_not_read_are_told(prompt: str, family: str, word: str) -> None:
    assert word in on_marks(prompt, FITTING[family])
    assert bool(word) == bool(on_marks(prompt, FITTING[family]))


def test_a_few_step_model_is_told_its_own_figures() -> None:
    assert on_steps(4, "Euler", FITTING[EMBEDDED_QUICK]) == ""
    assert "exactly 4 steps" in on_steps(24, "Euler", FITTING[EMBEDDED_QUICK])
    assert on_cfg(1, "Euler", FITTING[EMBEDDED_QUICK]) == ""
    assert "leave it at 1" in on_cfg(2.5, "Euler", FITTING[EMBEDDED_QUICK])


def test_in_few_steps_a_model_is_painted_by_its_own_edition() -> None:
    quick = in_few_steps(GenerationRequest(prompt="a cat", seed=7, image="start"))
    assert (quick.model, quick.sampler, quick.schedule) == (EMBEDDED_QUICK, "Euler", "Simple")
    assert (quick.steps, quick.cfg_scale) == (4, 1.0)
    assert (quick.prompt, quick.seed, quick.image) == ("a cat", 7, "start")
    assert in_few_steps(quick) == quick
    other = GenerationRequest(model="mine", steps=30)
    assert in_few_steps(other) == dataclasses.replace(other, steps=8)
