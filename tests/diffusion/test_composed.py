"""Prompts joined by AND, painted: each part's own prediction, what guidance adds for each added up."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from torch import Tensor

from studio import GenerationRequest, Run, Studio
from studio.diffusion import noise, samplers
from studio.errors import GenerationFailed, RequestRefused
from studio.models.library import EMBEDDED_QUICK
from studio.request import CONTROL_FIRST, ControlUnit

LONG = ", ".join(["a cat on a street at night"] * 6)
MODELS = ["tiny-epsilon", "tiny-v", "tiny-xl"]


def asked(model: str, prompt: str, **values: Any) -> GenerationRequest:
    known: dict[str, Any] = {"negative_prompt": "rain", "steps": 5, "seed": 7, "width": 64, "height": 64}
    known |= {"sampler": "Euler", "cfg_scale": 4.0, "reproducible": True}
    return GenerationRequest(model=model, prompt=prompt, **(known | values))


def painted(studio: Studio, model: str, prompt: str, **values: Any) -> Run:
    run = studio.submit(asked(model, prompt, **values))
    assert run.result.paths
    return run


def last(run: Run) -> Tensor:
    return run.steps[-1].latents


@torch.no_grad()
def by_hand(models: Path, request: GenerationRequest, parts: Sequence[tuple[str, float]]) -> Tensor:
    """The loop of the paper, a call of the UNet for every part."""
    pipeline = DiffusionPipeline.from_pretrained(models / request.model, safety_checker=None)

    def words(text: str) -> Tensor:
        ids = pipeline.tokenizer(text, padding="max_length", return_tensors="pt").input_ids
        return pipeline.text_encoder(ids)[0].expand(request.batch_size, -1, -1)

    scheduler = samplers.build(request, pipeline.scheduler.config)
    scheduler.set_timesteps(request.steps)
    latents = noise.starting_noise((4, 8, 8), noise.generators(request.seeds)) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        seen = scheduler.scale_model_input(latents, timestep)
        without = pipeline.unet(seen, timestep, words(request.negative_prompt)).sample
        guided = without.clone()
        for text, weight in parts:
            guided += request.cfg_scale * weight * (pipeline.unet(seen, timestep, words(text)).sample - without)
        latents = scheduler.step(guided, timestep, latents).prev_sample
    return latents


@pytest.mark.parametrize("model", ["tiny-epsilon", "tiny-v"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_it_is_the_weighted_sum_of_what_each_part_adds(
    studio: Studio, models: Path, model: str, batch_size: int
) -> None:
    run = painted(studio, model, "a cat at night AND a dog :0.6 AND rain :-0.3", batch_size=batch_size)
    expected = by_hand(models, run.request, [("a cat at night", 1), ("a dog", 0.6), ("rain", -0.3)])
    assert torch.allclose(last(run), expected, atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_one_part_of_weight_one_is_the_plain_prompt_to_the_bit(studio: Studio, model: str) -> None:
    plain = painted(studio, model, "a cat")
    assert torch.equal(last(plain), last(painted(studio, model, "a cat AND a dog :0")))
    assert not torch.allclose(last(plain), last(painted(studio, model, "a cat AND a dog")), atol=1e-3)


@pytest.mark.parametrize("model", MODELS)
def test_two_halves_are_a_whole(studio: Studio, model: str) -> None:
    halves = painted(studio, model, "a cat :0.5 AND a cat :0.5")
    assert torch.allclose(last(halves), last(painted(studio, model, "a cat")), atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "Heun", "PLMS"])
def test_branches_are_the_same_to_the_bit(studio: Studio, model: str, sampler: str) -> None:
    run = painted(studio, model, f"a [cat:dog:0.5] AND {LONG} :0.4", sampler=sampler)
    for at in (1, 3, 4):
        branch = studio.branch(run, at)
        assert branch.result.paths
        assert torch.equal(last(branch), last(run)), f"from step {at}"


def test_parts_may_come_and_go_with_the_steps(studio: Studio) -> None:
    whole = painted(studio, "tiny-epsilon", "a cat")
    run = painted(studio, "tiny-epsilon", "a cat [AND a dog:0.5]")
    assert torch.equal(run.steps[1].latents, whole.steps[1].latents)
    assert not torch.allclose(run.steps[2].latents, whole.steps[2].latents, atol=1e-4)
    assert all(step.guidance is not None for step in run.steps)


@pytest.mark.parametrize("model", ["tiny-epsilon", "tiny-xl"])
def test_joined_with_others_it_is_what_it_is_alone(studio: Studio, model: str) -> None:
    requests = [
        asked(model, text, seed=seed) for seed, text in enumerate(("a cat AND a dog", "a fox", "a AND b AND c"))
    ]
    alone = [studio.submit(request) for request in requests]
    assert all(run.result.paths for run in alone)
    assert studio.engine is not None
    before = studio.engine.forwards
    together = [studio.submit(dataclasses.replace(request, reproducible=False)) for request in requests]
    for one, other in zip(alone, together, strict=True):
        assert other.result.paths
        assert torch.allclose(last(one), last(other), atol=1e-4)
    assert studio.engine.forwards - before < sum(request.steps for request in requests)


@pytest.mark.parametrize("control", ["tiny-control", "tiny-xl-control"])
def test_control_nets_lead_every_part(studio: Studio, control: str) -> None:
    model = "tiny-xl" if "xl" in control else "tiny-epsilon"
    drawn = Image.new("RGB", (64, 64))
    drawn.paste("white", (10, 30, 50, 34))
    name = studio.inputs.add(drawn)
    for mode in ("Balanced", CONTROL_FIRST):
        unit = ControlUnit(model=control, image=name, mode=mode)
        plain = painted(studio, model, "a cat", control=(unit,))
        halves = painted(studio, model, "a cat :0.5 AND a cat :0.5", control=(unit,))
        assert torch.allclose(last(plain), last(halves), atol=1e-4)
    led = painted(studio, model, "a cat AND a dog", control=(unit, unit))
    assert not torch.allclose(last(led), last(painted(studio, model, "a cat AND a dog")), atol=1e-3)


def test_words_of_every_part_are_found(studio: Studio) -> None:
    run = painted(studio, "tiny-epsilon", "a cat at night AND a dog :0.5")
    assert [word.word for word in studio.words(run, 2)] == ["a", "cat", "at", "night", "a", "dog"]
    alone = {word.word: word.map for word in studio.words(painted(studio, "tiny-epsilon", "a dog"), 0)}
    joined = {word.word: word.map for word in studio.words(run, 0)}
    assert torch.allclose(joined["dog"], alone["dog"], atol=1e-4)


def test_where_nothing_guides_it_is_told(studio: Studio) -> None:
    with pytest.raises(RequestRefused, match="raise the CFG scale above 1"):
        studio.submit(asked(EMBEDDED_QUICK, "a cat AND a dog", width=128, height=128, cfg_scale=1.0))
    with pytest.raises((RequestRefused, GenerationFailed), match="raise the CFG scale above 1"):
        assert studio.submit(asked("tiny-epsilon", "a cat AND a dog", cfg_scale=1.0)).result
