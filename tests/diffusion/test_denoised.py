"""The predicted clean image and the sigma shown to people are the toy model's own, at every step."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    UniPCMultistepScheduler,
)
from torch import tensor

from studio.diffusion.denoised import NoiseLevel, denoised
from studio.diffusion.seams import StepTaken, watch_steps
from studio.presets import SAMPLERS
from tests.diffusion.toy import ALPHA_BARS, levels_of, model, starting_noise, stepped

STEPS = 8
ON_SIGMAS = [label for label, sampler in SAMPLERS.items() if "Karras" in sampler.schedules]
ON_TIMESTEPS = [label for label in SAMPLERS if label not in ON_SIGMAS]


def evaluated_at(label: str, schedule: str) -> list[float]:
    """The sigmas k-diffusion calls the model at."""
    levels = levels_of(schedule, STEPS)[:-1].tolist()
    sigmas = [levels[0]]
    for sigma, following in pairwise(levels):
        if label == "Heun":
            sigmas.append(following)
        if label in ("DPM2", "DPM++ SDE"):
            sigmas.append((sigma * following) ** 0.5)
        if label == "DPM2 a":
            down = following**2 / sigma
            sigmas.append((sigma * down) ** 0.5)
        sigmas.append(following)
    return sigmas


def assert_clean(step: StepTaken, sigma: float) -> None:
    alpha = step.level.alpha
    clean = model(step.noisy.double() / alpha, tensor(sigma))
    assert torch.allclose(step.denoised.double(), clean, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("schedule", ["Karras", "Uniform"])
@pytest.mark.parametrize("label", ON_SIGMAS)
def test_x0_and_sigma_are_k_diffusions_at_every_stage(
    label: str, schedule: str, prediction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stepped(label, schedule, STEPS, monkeypatch, prediction)
    expected = evaluated_at(label, schedule)
    assert len(expected) == STEPS + (STEPS - 1) * (SAMPLERS[label].evaluations - 1)
    assert np.allclose([step.level.ratio for step in path.steps], expected, rtol=1e-5)
    assert np.allclose(path.asked, expected, rtol=1e-5)
    for step, sigma in zip(path.steps, expected, strict=True):
        assert_clean(step, sigma)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("label", ON_TIMESTEPS)
def test_x0_and_sigma_are_those_of_the_timestep(label: str, prediction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stepped(label, "Automatic", STEPS, monkeypatch, prediction)
    for step in path.steps:
        alpha_bar = float(ALPHA_BARS[int(step.timestep)])
        sigma = ((1 - alpha_bar) / alpha_bar) ** 0.5
        assert step.level.ratio == pytest.approx(sigma, rel=1e-4)
        assert step.level.alpha**2 + step.level.sigma**2 == pytest.approx(1)
        assert_clean(step, sigma)


@pytest.mark.parametrize(
    "scheduler",
    [
        FlowMatchEulerDiscreteScheduler(),
        FlowMatchEulerDiscreteScheduler(shift=3.0),
        FlowMatchEulerDiscreteScheduler(stochastic_sampling=True),
        FlowMatchHeunDiscreteScheduler(),
        DPMSolverMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0),
        UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction"),
    ],
    ids=lambda scheduler: type(scheduler).__name__,
)
def test_x0_and_sigma_of_flow_matching_are_right_at_every_step(scheduler: Any) -> None:
    scheduler.set_timesteps(STEPS)
    seen: list[StepTaken] = []
    watch_steps(scheduler, seen.append)
    x = starting_noise()
    clean = torch.full_like(x, 0.3)
    for timestep in scheduler.timesteps:
        share = float(timestep) / 1000
        x = scheduler.step((x - clean) / share, timestep, x).prev_sample
    for step in seen:
        share = step.timestep / 1000
        assert step.level.sigma == pytest.approx(share, abs=1e-3)
        assert step.level.alpha == pytest.approx(1 - share, abs=1e-3)
        assert torch.allclose(step.denoised, clean, atol=5e-3)
    assert torch.allclose(seen[-1].latents, clean, atol=1e-2)


def test_a_model_that_predicts_the_clean_image_is_taken_at_its_word() -> None:
    scheduler = DPMSolverMultistepScheduler(prediction_type="sample")
    clean = torch.ones(1, 1, 2, 2)
    assert denoised(scheduler, clean, torch.zeros(1, 1, 2, 2), NoiseLevel(0.6, 0.8)) is clean


def test_an_unknown_prediction_type_is_refused() -> None:
    scheduler = DPMSolverMultistepScheduler(prediction_type="riddle")
    with pytest.raises(ValueError, match="riddle"):
        denoised(scheduler, torch.zeros(1), torch.zeros(1), NoiseLevel(0.6, 0.8))


def test_pure_noise_has_an_endless_sigma() -> None:
    assert NoiseLevel(0.0, 1.0).ratio == float("inf")
