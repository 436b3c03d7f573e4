"""Samplers and schedule types go by the names people know."""

from __future__ import annotations

from typing import Any

import diffusers
import pytest

from studio import GenerationRequest, limits
from studio.diffusion.sigmas import SCHEDULES as COMPUTED
from studio.presets import AUTOMATIC, FITTING, SAMPLERS, SCHEDULES, known_as, labelled, schedules_of

WEB_UI = {
    *("DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 2S a", "DPM++ 3M SDE", "Euler a", "Euler"),
    *("LMS", "Heun", "DPM2", "DPM2 a", "DPM fast", "DPM adaptive", "Restart", "DDIM", "DDIM CFG++", "PLMS", "UniPC"),
    "LCM",
}


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("DPM++ 2M", ("DPM++ 2M", None)),
        ("dpm++ 2m", ("DPM++ 2M", None)),
        (" Euler a ", ("Euler a", None)),
        ("k_euler_a", ("Euler a", None)),
        ("k_dpmpp_2m", ("DPM++ 2M", None)),
        ("DPM++ 2M Karras", ("DPM++ 2M", "Karras")),
        ("DPM++ 2M SDE Heun Exponential", ("DPM++ 2M SDE Heun", "Exponential")),
        ("Euler SGM Uniform", ("Euler", "SGM Uniform")),
        ("k_lms karras", ("LMS", "Karras")),
        ("k_lcm", ("LCM", None)),
        ("Fancy Karras", ("Fancy Karras", None)),
        ("Karras", ("Karras", None)),
        ("", ("", None)),
    ],
)
def test_a_label_is_known_by_its_aliases_and_its_old_fused_form(label: str, meant: tuple[str, str | None]) -> None:
    assert known_as(label) == meant


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ({"schedule": "karras"}, {"schedule": "Karras"}),
        ({"schedule": "SGMUniform"}, {"schedule": "SGM Uniform"}),
        ({"schedule": " sgm_uniform "}, {"schedule": "SGM Uniform"}),
        ({"schedule": "Fancy"}, {"schedule": "Fancy"}),
        ({"sampler": "k_euler_a", "steps": 5}, {"sampler": "Euler a"}),
        ({"sampler": "DPM++ 2M Karras"}, {"sampler": "DPM++ 2M", "schedule": "Karras"}),
        ({"sampler": "DPM++ 2M Karras", "schedule": "automatic"}, {"sampler": "DPM++ 2M", "schedule": "Karras"}),
        ({"sampler": "DPM++ 2M Karras", "schedule": "beta"}, {"sampler": "DPM++ 2M", "schedule": "Beta"}),
        ({"sampler": ["k_lms"], "schedule": None}, {}),
        ({}, {}),
    ],
)
def test_settings_are_told_by_aliases(told: dict[str, Any], meant: dict[str, Any]) -> None:
    assert labelled(told) == meant


def test_every_alias_means_one_sampler() -> None:
    names = [name.lower() for label, sampler in SAMPLERS.items() for name in (label, *sampler.aliases)]
    assert len(names) == len(set(names))
    assert all(known_as(alias) == (label, None) for label, sampler in SAMPLERS.items() for alias in sampler.aliases)


def test_labels_are_those_people_know() -> None:
    assert SAMPLERS.keys() <= WEB_UI | {"DDPM", "TCD", "DEIS"}


@pytest.mark.parametrize("label", SAMPLERS)
def test_every_sampler_is_a_scheduler_of_diffusers_with_options_it_has(label: str) -> None:
    sampler = SAMPLERS[label]
    scheduler = getattr(diffusers, sampler.scheduler).from_config(sampler.options)
    assert isinstance(scheduler, diffusers.SchedulerMixin)
    assert {key: scheduler.config[key] for key in sampler.options} == sampler.options


@pytest.mark.parametrize("label", SAMPLERS)
def test_automatic_stands_for_a_schedule_the_sampler_has(label: str) -> None:
    sampler = SAMPLERS[label]
    assert sampler.automatic in sampler.schedules
    assert AUTOMATIC in sampler.schedules
    assert (sampler.automatic == AUTOMATIC) == (sampler.schedules == [AUTOMATIC])
    assert set(sampler.schedules) <= {AUTOMATIC, *COMPUTED}


def test_automatic_is_what_the_web_ui_makes_of_it() -> None:
    karras = {label for label, sampler in SAMPLERS.items() if sampler.automatic == "Karras"}
    exponential = {label for label, sampler in SAMPLERS.items() if sampler.automatic == "Exponential"}
    assert karras == {"DPM++ 2M", "DPM++ SDE", "DPM2", "DPM2 a"}
    assert exponential == {"DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"}


@pytest.mark.parametrize("name", FITTING)
def test_what_a_model_was_made_for_may_be_asked_for(name: str) -> None:
    fitting = FITTING[name]
    limits.check(
        GenerationRequest(
            prompt="a cat", sampler=fitting.sampler, schedule=fitting.schedule, steps=fitting.steps,
            cfg_scale=fitting.cfg_scale, distilled_cfg_scale=fitting.distilled_cfg_scale, width=64, height=64,
        )
    )  # fmt: skip


def test_a_sampler_nobody_knows_is_offered_every_schedule() -> None:
    assert schedules_of("Fancy 9000") == list(SCHEDULES)
    assert schedules_of("DDIM") == [AUTOMATIC]
