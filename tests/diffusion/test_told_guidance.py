"""Models that are told how strongly they are guided, as those distilled for LCM: asked once for each picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from PIL import Image

from studio import GenerationRequest, Run, Studio
from studio.request import CONTROL_FIRST, ControlUnit
from tests.tiny_models import control_net, stable_diffusion


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("told")
    stable_diffusion(made / "told", time_cond_proj_dim=16)
    control_net(made / "control", 1)
    return made


def painted(studio: Studio, prompt: str, control: tuple[ControlUnit, ...] = ()) -> Run:
    asked = GenerationRequest(prompt=prompt, model="told", seed=7, steps=4, cfg_scale=2.5, control=control)
    run = studio.submit(dataclasses.replace(asked, width=64, height=64))
    assert run.result.paths
    return run


def test_their_prompt_may_change_on_the_way(own_studio: Studio) -> None:
    cat, both = painted(own_studio, "a cat"), painted(own_studio, "a [cat:dog:2]")
    same = [torch.equal(one.denoised, other.denoised) for one, other in zip(cat.steps, both.steps, strict=True)]
    assert same == [True, True, False, False]


def test_a_control_net_that_is_more_important_still_leads_them(own_studio: Studio) -> None:
    unit = ControlUnit(model="control", image=own_studio.inputs.add(Image.radial_gradient("L")), mode=CONTROL_FIRST)
    led, free = painted(own_studio, "a cat", (unit,)), painted(own_studio, "a cat")
    assert not torch.allclose(led.steps[-1].latents, free.steps[-1].latents, atol=1e-3)
