"""Branches: painting on from a step, unchanged to the bit, or under other settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from studio import GenerationRequest, Run, Studio
from studio.diffusion import samplers, sigmas
from studio.diffusion.denoised import noise_level
from studio.diffusion.midway import Midway
from studio.diffusion.replay import rescaled, stand_at
from studio.errors import NothingToBranch, RequestRefused
from studio.presets import SAMPLERS
from tests.diffusion.toy import MEAN, TRAINED_AS, built, slope, solution, variance_preserving

STEPS = 5


def asked(sampler: str = "DPM++ 2M", model: str = "tiny-epsilon", **values: object) -> GenerationRequest:
    known = {"prompt": "a cat on a street", "seed": 7, "width": 64, "height": 64, "steps": STEPS}
    options = known | values
    return GenerationRequest(sampler=sampler, model=model, reproducible=True, **options)  # type: ignore[arg-type]


def painted(run: Run) -> Run:
    assert run.result.paths
    return run


@pytest.mark.parametrize(("model", "count"), [("tiny-epsilon", 2), ("tiny-v", 1)])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_unchanged_branch_from_every_step_is_identical(studio: Studio, sampler: str, model: str, count: int) -> None:
    run = painted(studio.submit(asked(sampler, model, batch_size=count)))
    for at in range(len(run.steps)):
        branch = painted(studio.branch(run, at))
        assert len(branch.steps) == len(run.steps)
        assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents), f"from step {at}"
        assert [step.sigma for step in branch.steps] == [step.sigma for step in run.steps]


@pytest.mark.parametrize("schedule", ["Karras", "Beta", "Simple"])
def test_a_branch_of_a_branch_is_identical_too(studio: Studio, schedule: str) -> None:
    run = painted(studio.submit(asked("Heun", schedule=schedule)))
    changed = painted(studio.branch(run, 3, sampler="DPM++ SDE", schedule="Exponential", remaining=4))
    for at in range(3, len(changed.steps)):
        again = painted(studio.branch(changed, at))
        assert torch.equal(again.steps[-1].latents, changed.steps[-1].latents), f"from step {at}"


def test_a_branch_costs_the_model_calls_that_remain(studio: Studio) -> None:
    assert studio.engine is not None
    run = painted(studio.submit(asked()))
    before = studio.engine.forwards
    painted(studio.branch(run, 3, cfg_scale=7.0))
    assert studio.engine.forwards - before == STEPS - 3


def test_steps_before_the_branch_are_shared(studio: Studio) -> None:
    run = painted(studio.submit(asked()))
    branch = painted(studio.branch(run, 2, prompt="a dog"))
    assert all(one is other for one, other in zip(branch.steps[:2], run.steps[:2], strict=True))
    assert len(branch.recording) == STEPS - 2
    assert not torch.equal(branch.steps[-1].latents, run.steps[-1].latents)


@pytest.mark.parametrize(
    "changes",
    [{"prompt": "a dog"}, {"negative_prompt": "rain"}, {"cfg_scale": 6.0}, {"noise_seed": 3}, {"sampler": "Euler"}],
    ids=str,
)
def test_what_is_changed_changes_the_picture(studio: Studio, changes: dict[str, object]) -> None:
    run = painted(studio.submit(asked("Euler a")))
    branch = painted(studio.branch(run, 2, **changes))  # type: ignore[arg-type]
    assert torch.equal(branch.steps[1].latents, run.steps[1].latents)
    assert not torch.equal(branch.steps[-1].latents, run.steps[-1].latents)


@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ SDE", "LCM", "DDPM"])
def test_the_same_seed_of_the_noise_to_come_makes_the_same_picture(studio: Studio, sampler: str) -> None:
    run = painted(studio.submit(asked(sampler)))
    first, same, other = (painted(studio.branch(run, 2, noise_seed=seed)) for seed in (5, 5, 6))
    assert torch.equal(first.steps[-1].latents, same.steps[-1].latents)
    assert not torch.equal(first.steps[-1].latents, other.steps[-1].latents)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("before", ["DPM++ 2M", "Euler", "DDIM", "Heun"])
def test_every_sampler_takes_over_from_another(studio: Studio, before: str, sampler: str) -> None:
    run = painted(studio.submit(asked(before)))
    branch = painted(studio.branch(run, 3, sampler=sampler, schedule="Automatic", remaining=4))
    assert branch.steps[3].sigma == pytest.approx(run.steps[3].sigma, rel=0.03)
    ours = [step.sigma for step in branch.recording.steps]
    assert len(ours) == 4 * SAMPLERS[sampler].evaluations - (SAMPLERS[sampler].evaluations - 1) + (sampler == "PLMS")
    assert torch.isfinite(branch.steps[-1].latents).all()
    assert branch.steps[-1].latents.std() < 10 * run.steps[-1].latents.std()


@pytest.mark.parametrize("steps", [1, 3, 12])
def test_the_steps_to_come_may_be_more_or_fewer(studio: Studio, steps: int) -> None:
    run = painted(studio.submit(asked()))
    branch = painted(studio.branch(run, 2, remaining=steps))
    assert len(branch.recording) == steps
    levels = [step.sigma for step in branch.steps]
    assert levels == sorted(levels, reverse=True)


def test_a_paused_run_goes_on_to_the_bit(studio: Studio) -> None:
    whole = painted(studio.submit(asked("Euler a", steps=40)))
    run = studio.submit(asked("Euler a", steps=40))
    for event in run:
        if type(event).__name__ == "Step":
            run.pause()
    assert run.paused
    assert 0 < len(run.steps) < 40
    assert torch.equal(painted(studio.go_on(run)).steps[-1].latents, whole.steps[-1].latents)


def test_after_the_last_step_there_is_nothing_to_branch(studio: Studio) -> None:
    run = painted(studio.submit(asked()))
    with pytest.raises(NothingToBranch):
        studio.branch(run, STEPS)
    with pytest.raises(NothingToBranch):
        studio.branch(run, STEPS + 1)


@pytest.mark.parametrize("changes", [{"width": 128}, {"seed": 8}, {"model": "tiny-v"}, {"noise_seed": -2}], ids=str)
def test_what_a_branch_cannot_change_is_refused(studio: Studio, changes: dict[str, object]) -> None:
    run = painted(studio.submit(asked()))
    with pytest.raises(RequestRefused):
        studio.branch(run, 2, **changes)  # type: ignore[arg-type]


DETERMINISTIC = ["DPM++ 2M", "Euler", "LMS", "Heun", "DPM2", "UniPC", "DEIS", "DDIM", "PLMS"]


@pytest.mark.parametrize("after", DETERMINISTIC)
@pytest.mark.parametrize("before", ["DPM++ 2M", "Euler", "DDIM"])
def test_a_changed_sampler_ends_where_the_exact_solution_does(before: str, after: str) -> None:
    """On data N(MEAN, DEVIATION^2), whose denoiser is known: half the way by one solver, the rest
    by another. It may be as wrong as the worse of the two is on its own, or as Euler, since a
    multistep solver begins with a step of the first order."""
    steps, kept = 80, 40
    first = built(before, "Automatic", steps)
    start = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    x = walk(first, start * float(first.init_noise_sigma), range(kept))
    stand = noise_level(first, first.timesteps[kept])
    request = GenerationRequest(sampler=after, steps=steps, seed=3)
    second = samplers.build(request, TRAINED_AS, Midway(stand.ratio, kept, kept))
    second.set_timesteps(steps)
    begin = kept * SAMPLERS[after].evaluations
    stand_at(second, begin)
    x = rescaled(x, stand, noise_level(second, second.timesteps[begin]))
    x = walk(second, x, range(begin, len(second.timesteps)))
    level = noise_level(built(before, "Automatic", steps), first.timesteps[0])
    error = float((x - solution(start * float(first.init_noise_sigma) / level.alpha, level.ratio)).abs().max())
    assert error < 1.5 * max(error_alone(label, start, steps) for label in (before, after, "Euler"))
    assert float((x - MEAN).abs().max()) > 0.5


def error_alone(label: str, start: torch.Tensor, steps: int) -> float:
    """How far a solver's own result is from the exact solution."""
    scheduler = built(label, "Automatic", steps)
    x = start * float(scheduler.init_noise_sigma)
    level = noise_level(built(label, "Automatic", steps), scheduler.timesteps[0])
    truth = solution(x / level.alpha, level.ratio)
    return float((walk(scheduler, x, range(len(scheduler.timesteps))) - truth).abs().max())


def walk(scheduler: object, x: torch.Tensor, calls: range) -> torch.Tensor:
    """Step a scheduler on the toy model."""
    trained = sigmas.of_alphas(scheduler.alphas_cumprod.numpy())  # type: ignore[attr-defined]
    for index in calls:
        timestep = scheduler.timesteps[index]  # type: ignore[attr-defined]
        sigma = torch.as_tensor(sigmas.of_timestep(np.array(float(timestep)), trained))
        scheduler.scale_model_input(x.float(), timestep)  # type: ignore[attr-defined]
        alpha = 1 / (1 + sigma**2).sqrt() if variance_preserving(scheduler) else 1.0
        output = slope(x.double() / alpha, sigma)
        x = scheduler.step(output.float(), timestep, x.float()).prev_sample.double()  # type: ignore[attr-defined]
    return x
