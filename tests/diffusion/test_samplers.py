"""Every k-diffusion sampler label is exactly its published algorithm, on exactly our sigmas.

Both sides step the same Gaussian toy model, whose denoiser is known in closed form; the
references are the algorithms as published, in sigma space.
"""

from __future__ import annotations

import inspect
import math
from itertools import pairwise

import diffusers
import numpy as np
import pytest
import torch
from scipy import integrate
from torch import Tensor, tensor

from studio import GenerationRequest
from studio.diffusion import samplers, sigmas
from studio.diffusion.midway import Midway
from studio.diffusion.seams import watch_steps
from studio.presets import SAMPLERS
from tests.diffusion.toy import (
    ALPHA_BARS,
    TRAINED,
    TRAINED_AS,
    Noise,
    built,
    draws,
    levels_of,
    model,
    slope,
    solution,
    starting_noise,
    starting_point,
    stepped,
)


def ancestral(sigma: Tensor, following: Tensor) -> tuple[Tensor, Tensor]:
    """Sigma to step down to, and sigma of the noise to add, with eta = 1."""
    up = (following**2 * (sigma**2 - following**2) / sigma**2).sqrt()
    return (following**2 - up**2).sqrt(), up


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


def dpmpp_3m_sde(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """DPM-Solver++(3M) of the SDE, eta = 1 (k-diffusion, sample_dpmpp_3m_sde, after Lu et al. 2022)."""
    past: list[tuple[Tensor, Tensor]] = []
    for sigma, following in pairwise(levels):
        clean, step = model(x, sigma), (sigma / following).log()
        if following == 0:
            return clean
        phi_1 = torch.expm1(-2 * step)
        phi_2 = phi_1 / (2 * step) + 1
        x = torch.exp(-2 * step) * x - phi_1 * clean
        if past:
            near = (clean - past[-1][0]) / (past[-1][1] / step)
            tangent = near
            if len(past) > 1:
                ratio, older = past[-1][1] / step, past[-2][1] / step
                far = (past[-1][0] - past[-2][0]) / older
                tangent = near + (near - far) * ratio / (ratio + older)
                x = x - (phi_2 / (2 * step) - 0.5) * (near - far) / (ratio + older)
            x = x + phi_2 * tangent
        x = x + noise() * following * (-phi_1).sqrt()
        past.append((clean, step))
    return x


def unipc_update(x: Tensor, past: list[tuple[Tensor, Tensor]], following: Tensor, arrived: Tensor | None) -> Tensor:
    """UniP from the newest of ``past``; with the model's answer where it arrived, UniC."""
    (sigma, clean), step = past[-1], (past[-1][0] / following).log()
    if following == 0:
        return clean
    ratios = [(sigma / older).log() / step for older, _ in past[-2::-1]]
    changes = [(other - clean) / ratio for ratio, (_, other) in zip(ratios, past[-2::-1], strict=True)]
    if arrived is not None:
        ratios, changes = [*ratios, tensor(1.0).double()], [*changes, arrived - clean]
    x = following / sigma * x - torch.expm1(-step) * clean
    size, phi, right = torch.expm1(-step), torch.expm1(-step), []
    for power in range(1, len(ratios) + 1):
        phi = phi / -step - 1 / math.factorial(power)
        right.append(phi * math.factorial(power) / size)
    if len(ratios) == 1:
        return x - size * changes[0] / 2
    if ratios:
        powers = torch.stack([torch.stack(ratios) ** power for power in range(len(ratios))])
        for weight, change in zip(torch.linalg.solve(powers, torch.stack(right)), changes, strict=True):
            x = x - size * weight * change
    return x


def unipc(x: Tensor, levels: Tensor, noise: Noise) -> Tensor:
    """UniPC-3 with B2(h) and data prediction, its last steps of lower order (Zhao et al. 2023)."""
    past: list[tuple[Tensor, Tensor]] = []
    before = x
    for index, (sigma, following) in enumerate(pairwise(levels)):
        clean = model(x, sigma)
        if past:
            x = unipc_update(before, past, sigma, clean)
        past = [*past, (sigma, clean)][-min(3, len(levels) - 1 - index) :]
        before, x = x, unipc_update(x, past, following, None)
    return x


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
    "DPM++ 3M SDE": dpmpp_3m_sde,
    "UniPC": unipc,
}
NAMESAKES = {"DEIS", "DDIM", "DDPM", "PLMS", "LCM", "TCD"}
"""Labels whose definition is diffusers' own class."""


def test_every_label_has_a_reference_or_is_its_own_definition() -> None:
    assert set(SAMPLERS) == set(REFERENCES) | NAMESAKES


@pytest.mark.parametrize("steps", [1, 2, 6, 15, 20])
@pytest.mark.parametrize("schedule", ["Karras", "Exponential", "SGM Uniform", "Beta"])
@pytest.mark.parametrize("label", REFERENCES)
def test_a_sampler_is_its_published_algorithm(
    label: str, schedule: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = levels_of(schedule, steps)
    made = stepped(label, schedule, steps, monkeypatch).result
    expected = REFERENCES[label](starting_point(label, schedule, levels), levels, draws())
    assert (made - expected).abs().max() < 1e-4 * expected.abs().max()


def test_the_noise_of_dpm_sde_is_that_of_the_interval_it_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = stepped("DPM++ SDE", "Karras", 5, monkeypatch).noise_between
    expected = [
        (sigma, stop)
        for sigma, after in pairwise(levels_of("Karras", 5)[:-1])
        for stop in ((sigma * after) ** 0.5, after)
    ]
    assert np.allclose(spans, expected, rtol=1e-5)


def ddim(x: Tensor, alpha_bar: Tensor, before: Tensor) -> Tensor:
    """DDIM with eta 0 (Song et al. 2020, equation 12)."""
    sigma = ((1 - alpha_bar) / alpha_bar).sqrt()
    plain = x / alpha_bar.sqrt()
    return before.sqrt() * model(plain, sigma) + (1 - before).sqrt() * slope(plain, sigma)


def ddpm(x: Tensor, alpha_bar: Tensor, before: Tensor) -> Tensor:
    """Mean of the posterior (Ho et al. 2020, equation 7), for the alphas of a whole stride."""
    alpha = alpha_bar / before
    clean = model(x / alpha_bar.sqrt(), ((1 - alpha_bar) / alpha_bar).sqrt())
    return (before.sqrt() * (1 - alpha) * clean + alpha.sqrt() * (1 - before) * x) / (1 - alpha_bar)


@pytest.mark.parametrize("steps", [6, 15, 20])
def test_ddim_is_the_closed_form(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = ALPHA_BARS.double()
    times = [1 + index * (1000 // steps) for index in reversed(range(steps))]
    x = starting_noise().double()
    for time in times:
        before = time - 1000 // steps
        x = ddim(x, bars[time], bars[before] if before >= 0 else bars[0])
    made = stepped("DDIM", "Automatic", steps, monkeypatch)
    assert [int(step.timestep) for step in made.steps] == times
    assert torch.allclose(made.result, x, atol=1e-4)


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("steps", [6, 15, 20])
def test_ddpm_is_the_posterior(steps: int, noisy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    bars, noise = ALPHA_BARS.double(), draws()
    x = starting_noise().double()
    for time in [1 + index * (1000 // steps) for index in reversed(range(steps))]:
        before = bars[time - 1000 // steps] if time >= 1000 // steps else tensor(1.0).double()
        variance = (1 - before) / (1 - bars[time]) * (1 - bars[time] / before)
        x = ddpm(x, bars[time], before) + (variance.sqrt() * noise() if noisy else 0)
    made = stepped("DDPM", "Automatic", steps, monkeypatch, noisy=noisy).result
    assert torch.allclose(made, x, atol=1e-4)


def distance(label: str, schedule: str, steps: int, patch: pytest.MonkeyPatch) -> float:
    """From the exact solution of the ODE, on average."""
    made = stepped(label, schedule, steps, patch)
    first = made.steps[0]
    exact = solution(first.noisy.double() / first.level.alpha, first.level.ratio)
    return float((made.result - exact).abs().mean())


@pytest.mark.parametrize("label", ["Euler", "Heun", "DPM2", "LMS", "DPM++ 2M", "UniPC", "DDIM", "PLMS", "DEIS"])
def test_deterministic_samplers_reach_the_exact_solution(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few, some, many = (distance(label, "Automatic", steps, monkeypatch) for steps in (8, 32, 128))
    assert many < some < few
    assert many < 0.01


@pytest.mark.parametrize("label", ["Heun", "DPM2", "LMS", "DPM++ 2M", "UniPC"])
def test_solvers_of_higher_order_come_nearer_than_euler(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    euler_distance = distance("Euler", "Karras", 32, monkeypatch)
    assert distance(label, "Karras", 32, monkeypatch) < euler_distance / 4


@pytest.mark.parametrize("schedule", sigmas.SCHEDULES)
@pytest.mark.parametrize("label", ["Euler", "Euler a", "LMS", "DPM++ 2M", "DPM++ 2M SDE", "DPM++ 3M SDE", "UniPC"])
def test_the_sigmas_are_the_schedules_own_and_the_timesteps_theirs_unrounded(label: str, schedule: str) -> None:
    scheduler = built(label, schedule, 12)
    chosen = sigmas.SCHEDULES[schedule](TRAINED, 12)
    assert np.array_equal(scheduler.sigmas.numpy(), np.append(chosen, 0.0).astype(np.float32))
    assert np.array_equal(scheduler.timesteps.numpy(), sigmas.to_timestep(chosen, TRAINED).astype(np.float32))


@pytest.mark.parametrize("label", SAMPLERS)
def test_signatures_stay_as_pipelines_look_for_them(label: str) -> None:
    scheduler = samplers.build(GenerationRequest(sampler=label, seed=0), TRAINED_AS)
    plain = getattr(diffusers, SAMPLERS[label].scheduler)()
    watch_steps(scheduler, lambda _: None)
    assert inspect.signature(scheduler.step) == inspect.signature(plain.step)
    assert inspect.signature(scheduler.set_timesteps) in (
        inspect.signature(plain.set_timesteps),
        inspect.signature(type(plain).set_timesteps),
    )


def test_a_scheduler_that_was_made_before_is_as_fresh_and_not_laid_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    request = GenerationRequest(sampler="DPM2", steps=4, seed=0)
    first = samplers.build(request, TRAINED_AS)
    first.set_timesteps(4)
    first.scale_model_input(torch.zeros(1), first.timesteps[0])
    with monkeypatch.context() as without:
        without.setattr(diffusers.KDPM2DiscreteScheduler, "set_timesteps", None)
        second = samplers.build(request, TRAINED_AS)
    assert (first.step_index, second.step_index) == (0, None)
    assert len(second.timesteps) > len(first.timesteps) == 7
    second.set_timesteps(4)
    assert torch.equal(second.sigmas, first.sigmas)


def test_automatic_is_the_samplers_own_schedule() -> None:
    own = {label: samplers.schedule_of(GenerationRequest(sampler=label)) for label in SAMPLERS}
    assert own["DPM++ 2M"] == own["DPM++ SDE"] == own["DPM2"] == own["DPM2 a"] == "Karras"
    assert own["DPM++ 2M SDE"] == own["DPM++ 2M SDE Heun"] == own["DPM++ 3M SDE"] == "Exponential"
    assert own["Euler"] == own["Euler a"] == own["Heun"] == own["LMS"] == own["UniPC"] == "Uniform"
    assert {own[label] for label in NAMESAKES} == {"Automatic"}


@pytest.mark.parametrize(("steps", "skipped"), [(20, 0), (20, 8), (20, 14), (20, 19), (50, 35)])
def test_plms_from_a_picture_begins_at_its_own_noise_level(steps: int, skipped: int) -> None:
    request = GenerationRequest(sampler="PLMS", steps=steps, image="0" * 64, strength=(steps - skipped) / steps)
    assert request.skipped == skipped
    scheduler = samplers.build(request, TRAINED_AS)
    scheduler.set_timesteps(steps)
    ddim = built("DDIM", "Automatic", steps)
    taken = scheduler.timesteps[skipped:].tolist()
    assert list(dict.fromkeys(taken)) == ddim.timesteps[skipped:].tolist()
    assert len(taken) == steps - skipped + 1  # the first step is taken twice
    assert taken.count(taken[min(1, steps - skipped - 1)]) == 2


@pytest.mark.parametrize("label", ["DDIM", "DDPM", "PLMS", "LCM", "TCD"])
def test_a_picture_can_be_noised_wherever_another_sampler_takes_over(label: str) -> None:
    request = GenerationRequest(sampler=label, steps=40)
    scheduler = samplers.build(request, TRAINED_AS, Midway(float(TRAINED[-2]), kept=20, at=20))
    scheduler.set_timesteps(40)
    assert int(scheduler.timesteps.max()) <= 999
    assert torch.isfinite(scheduler.add_noise(torch.zeros(1, 4, 8, 8), starting_noise(), scheduler.timesteps[:1])).all()


@pytest.mark.parametrize("label", ["Euler", "DDIM", "DPM++ 2M", "UniPC", "Heun", "PLMS"])
def test_what_was_trained_until_no_signal_is_left_is_sampled_from_there(label: str) -> None:
    rescaled = TRAINED_AS | {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    own = diffusers.DDIMScheduler(**rescaled).alphas_cumprod
    scheduler = samplers.build(GenerationRequest(sampler=label, steps=20), rescaled)
    assert torch.allclose(scheduler.alphas_cumprod, own, atol=1e-6)
    assert 0 < float(scheduler.alphas_cumprod[-1]) < 1e-7
