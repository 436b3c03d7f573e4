"""Every k-diffusion sampler label is exactly its published algorithm, on exactly our sigmas.

Both sides step the same Gaussian toy model, whose denoiser is known in closed form; the
references are the algorithms as published, in sigma space.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate
from torch import Tensor, tensor

from studio import GenerationRequest
from studio.diffusion import samplers, sigmas
from studio.diffusion.denoised import noise_level
from studio.diffusion.seams import StepTaken, watch_steps
from studio.presets import SAMPLERS

MEAN, DEVIATION = 0.3, 0.7
TRAINED_AS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "steps_offset": 1,
}
BETAS = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
TRAINED = sigmas.of_alphas(torch.cumprod(1 - BETAS, 0).numpy())
Noise = Callable[[], Tensor]


def model(x: Tensor, sigma: Tensor) -> Tensor:
    """The exact denoiser of data N(MEAN, DEVIATION^2) at noise level sigma."""
    return (DEVIATION**2 * x + sigma**2 * MEAN) / (DEVIATION**2 + sigma**2)


def ancestral(sigma: Tensor, following: Tensor) -> tuple[Tensor, Tensor]:
    """Sigma to step down to, and sigma of the noise to add, with eta = 1."""
    up = (following**2 * (sigma**2 - following**2) / sigma**2).sqrt()
    return (following**2 - up**2).sqrt(), up


def slope(x: Tensor, sigma: Tensor) -> Tensor:
    return (x - model(x, sigma)) / sigma


def euler(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """Algorithm 2 of Karras et al. 2022 without its second-order correction."""
    for sigma, following in pairwise(levels):
        x = x + slope(x, sigma) * (following - sigma)
    return x


def euler_ancestral(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """Euler to a lower sigma, then fresh noise (k-diffusion, sample_euler_ancestral)."""
    for sigma, following in pairwise(levels):
        down, up = ancestral(sigma, following)
        x = x + slope(x, sigma) * (down - sigma)
        if following > 0:
            x = x + noise() * up
    return x


def heun(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """Algorithm 1 of Karras et al. 2022."""
    for sigma, following in pairwise(levels):
        first = slope(x, sigma)
        ahead = x + first * (following - sigma)
        mean = (first + slope(ahead, following)) / 2 if following > 0 else first
        x = x + mean * (following - sigma)
    return x


def dpm2(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """DPM-Solver-2 in sigma space, with the middle in log sigma (Lu et al. 2022)."""
    for sigma, following in pairwise(levels):
        middle = (sigma * following).sqrt()
        if following > 0:
            ahead = x + slope(x, sigma) * (middle - sigma)
            x = x + slope(ahead, middle) * (following - sigma)
        else:
            x = x + slope(x, sigma) * (following - sigma)
    return x


def dpm2_ancestral(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """DPM-Solver-2 to a lower sigma, then fresh noise."""
    for sigma, following in pairwise(levels):
        down, up = ancestral(sigma, following)
        if down > 0:
            middle = (sigma * down).sqrt()
            ahead = x + slope(x, sigma) * (middle - sigma)
            x = x + slope(ahead, middle) * (down - sigma) + noise() * up
        else:
            x = x + slope(x, sigma) * (down - sigma)
    return x


def lms(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """Adams-Bashforth of order 4 with exact coefficients (k-diffusion, sample_lms)."""
    history: list[Tensor] = []
    points = levels.numpy()
    for index in range(len(points) - 1):
        history = [*history, slope(x, levels[index])][-4:]
        nodes = points[index - len(history) + 1 : index + 1]
        for place, past in enumerate(history):
            others = np.delete(nodes, place)

            def basis(at: float, others: np.ndarray = others, node: float = nodes[place]) -> float:
                return float(np.prod((at - others) / (node - others)))

            x = x + past * integrate.quad(basis, points[index], points[index + 1], epsrel=1e-4)[0]
    return x


def dpmpp_2m(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2)."""
    old, before = None, tensor(0.0)
    for sigma, following in pairwise(levels):
        clean, step = model(x, sigma), (sigma / following).log()
        mixed = clean
        if old is not None and following > 0:
            ratio = before / step
            mixed = (1 + 1 / (2 * ratio)) * clean - old / (2 * ratio)
        x = following / sigma * x - torch.expm1(-step) * mixed
        old, before = clean, step
    return x


def dpmpp_sde(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """DPM-Solver++ SDE, single step with its middle at half the way in log sigma."""
    for sigma, following in pairwise(levels):
        clean = model(x, sigma)
        if following == 0:
            x = x + slope(x, sigma) * (following - sigma)
            continue
        middle = (sigma * following).sqrt()
        down, up = ancestral(sigma, middle)
        ahead = down / sigma * x + (1 - down / sigma) * clean + noise() * up
        down, up = ancestral(sigma, following)
        x = down / sigma * x + (1 - down / sigma) * model(ahead, middle) + noise() * up
    return x


def dpmpp_2m_sde(x: Tensor, levels: Tensor, noise: Noise, use_heun: bool = False) -> Tensor:
    """DPM-Solver++(2M) of the SDE, eta = 1 (Lu et al. 2022)."""
    old, before = None, tensor(0.0)
    for sigma, following in pairwise(levels):
        clean, step = model(x, sigma), (sigma / following).log()
        if following == 0:
            return clean
        part = -torch.expm1(-2 * step)
        x = following / sigma * torch.exp(-step) * x + part * clean
        if old is not None:
            weight = part / (-2 * step) + 1 if use_heun else part / 2
            x = x + weight * step / before * (clean - old)
        x = x + noise() * following * part.sqrt()
        old, before = clean, step
    return x


def dpmpp_2m_sde_heun(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """The same with the exact integral of the linear term."""
    return dpmpp_2m_sde(x, levels, noise, use_heun=True)


REFERENCES = {
    "Euler": euler,
    "Euler a": euler_ancestral,
    "Heun": heun,
    "LMS": lms,
    "DPM2": dpm2,
    "DPM2 a": dpm2_ancestral,
    "DPM++ 2M": dpmpp_2m,
    "DPM++ SDE": dpmpp_sde,
    "DPM++ 2M SDE": dpmpp_2m_sde,
    "DPM++ 2M SDE Heun": dpmpp_2m_sde_heun,
}
NAMESAKES = {"UniPC", "DEIS", "DDIM", "DDPM", "PLMS", "LCM", "TCD"}
"""Labels whose definition is diffusers' own class."""


def draws(shape: torch.Size) -> Noise:
    source = torch.Generator().manual_seed(1)
    return lambda: torch.randn(shape, generator=source)


def stepped(
    label: str, schedule: str, steps: int, start: Tensor, patch: pytest.MonkeyPatch, prediction: str = "epsilon"
) -> tuple[Tensor, list[StepTaken], list[float]]:
    """The built scheduler on the toy model from unit noise: result and steps in sigma space, and
    the sigma of every timestep it asked the model at."""
    request = GenerationRequest(sampler=label, schedule=schedule, steps=steps, seed=3)
    scheduler = samplers.build(request, TRAINED_AS | {"prediction_type": prediction})
    scheduler.set_timesteps(steps)
    noise = draws(start.shape)
    module = inspect.getmodule(type(scheduler).__mro__[1 if schedule != "Automatic" else 0])
    if module is not None and hasattr(module, "randn_tensor"):
        patch.setattr(module, "randn_tensor", lambda *_, **__: noise())
    if label == "DPM++ SDE":
        scheduler.noise_sampler = lambda *_: noise()
    seen: list[StepTaken] = []
    asked: list[float] = []
    watch_steps(scheduler, seen.append)
    x = start * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        level = noise_level(scheduler, timestep)
        sigma = torch.as_tensor(sigmas.of_timestep(np.array(float(timestep)), TRAINED))
        asked.append(float(sigma))
        scheduler.scale_model_input(x, timestep)
        plain = x / level.alpha
        epsilon = slope(plain.double(), sigma)
        alpha, share = 1 / (1 + sigma**2).sqrt(), sigma / (1 + sigma**2).sqrt()
        velocity = alpha * epsilon - share * model(plain.double(), sigma)
        output = velocity if prediction == "v_prediction" else epsilon
        x = scheduler.step(output.float(), timestep, x).prev_sample
    return x, seen, asked


@pytest.fixture
def start() -> Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def test_every_label_has_a_reference_or_is_its_own_definition() -> None:
    assert set(SAMPLERS) == set(REFERENCES) | NAMESAKES


@pytest.mark.parametrize("steps", [6, 15, 20])
@pytest.mark.parametrize("schedule", ["Karras", "Exponential", "SGM Uniform"])
@pytest.mark.parametrize("label", REFERENCES)
def test_a_sampler_is_its_published_algorithm(
    label: str, schedule: str, steps: int, start: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = torch.from_numpy(np.append(sigmas.SCHEDULES[schedule](TRAINED, steps), 0.0))
    made, _, _ = stepped(label, schedule, steps, start, monkeypatch)
    first = float(levels[0]) if "DPMSolverM" not in SAMPLERS[label].scheduler else float((1 + levels[0] ** 2).sqrt())
    expected = REFERENCES[label](start.double() * first, levels, draws(start.shape))
    assert torch.allclose(made.double(), expected, atol=3e-4, rtol=3e-4), (made - expected).abs().max()


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("label", [*REFERENCES, "UniPC", "DDIM", "DDPM"])
def test_x0_and_sigma_are_right_at_every_step(
    label: str, prediction: str, start: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = "Karras" if "Karras" in SAMPLERS[label].schedules else "Automatic"
    _, seen, asked = stepped(label, schedule, 8, start, monkeypatch, prediction)
    for step, sigma in zip(seen, asked, strict=True):
        assert step.level.ratio == pytest.approx(sigma, rel=2e-4)
        clean = model(step.noisy.double() / step.level.alpha, tensor(sigma))
        assert torch.allclose(step.denoised.double(), clean, atol=2e-3)


@pytest.mark.parametrize("label", ["Euler", "Heun", "DPM2", "LMS", "DPM++ 2M", "UniPC", "DDIM", "PLMS", "DEIS"])
def test_deterministic_samplers_reach_the_exact_solution(
    label: str, start: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def error(steps: int) -> float:
        made, seen, _ = stepped(label, "Automatic", steps, start, monkeypatch)
        first = seen[0]
        sigma, x = first.level.ratio, first.noisy / first.level.alpha
        exact = MEAN + DEVIATION * (x - MEAN) / (DEVIATION**2 + sigma**2) ** 0.5
        return float((made - exact).abs().mean())

    assert error(100) < 0.02
    assert error(100) <= error(10)


@pytest.mark.parametrize("schedule", sigmas.SCHEDULES)
@pytest.mark.parametrize("label", ["Euler", "Euler a", "LMS", "DPM++ 2M", "UniPC"])
def test_the_sigmas_and_timesteps_are_the_schedules_own(label: str, schedule: str) -> None:
    scheduler = samplers.build(GenerationRequest(sampler=label, schedule=schedule, steps=12, seed=0), TRAINED_AS)
    scheduler.set_timesteps(12)
    chosen = sigmas.SCHEDULES[schedule](TRAINED, 12)
    assert np.allclose(scheduler.sigmas[:-1].numpy(), chosen, rtol=1e-5)
    assert scheduler.sigmas[-1] == 0
    assert np.allclose(scheduler.timesteps.numpy(), sigmas.to_timestep(chosen, TRAINED), atol=1e-2)


@pytest.mark.parametrize("label", SAMPLERS)
def test_signatures_stay_as_pipelines_look_for_them(label: str) -> None:
    scheduler = samplers.build(GenerationRequest(sampler=label, seed=0), TRAINED_AS)
    step, set_timesteps = inspect.signature(scheduler.step), inspect.signature(scheduler.set_timesteps)
    watch_steps(scheduler, lambda _: None)
    assert inspect.signature(scheduler.step) == step
    assert "num_inference_steps" in set_timesteps.parameters


def test_automatic_is_the_samplers_own_schedule() -> None:
    own = {label: samplers.schedule_of(GenerationRequest(sampler=label)) for label in SAMPLERS}
    assert own["DPM++ 2M"] == own["DPM++ SDE"] == own["DPM2"] == own["DPM2 a"] == "Karras"
    assert own["DPM++ 2M SDE"] == own["DPM++ 2M SDE Heun"] == "Exponential"
    assert own["Euler"] == own["Euler a"] == "Uniform"
