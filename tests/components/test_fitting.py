"""The widgets a model decides about."""

from __future__ import annotations

import pytest

from components.fitting import DECIDED, OWN_VAE, fitted, vaes_found
from studio.advice import on_strength
from studio.presets import FITTING


@pytest.mark.parametrize(("model", "layers"), [("stepwise-embedded", 3), ("SD 1.x", 12), ("SDXL", 0), ("FLUX.1", 0)])
def test_clip_skip_is_shown_for_models_that_read_it(model: str, layers: int) -> None:
    shown = dict(zip(DECIDED, fitted(FITTING[model], 512), strict=True))["clip_skip"]
    assert shown.visible == bool(layers)
    assert shown.value == 1
    assert not layers or shown.maximum == layers


@pytest.mark.parametrize(
    ("model", "edits"), [("FLUX.1 Kontext", True), ("FLUX.2", True), ("Qwen-Image-Edit", True), ("FLUX.1", False)]
)
def test_strength_is_shown_for_models_that_start_from_a_picture(model: str, edits: bool) -> None:
    shown = dict(zip(DECIDED, fitted(FITTING[model], 512), strict=True))
    assert shown["strength"].visible != edits
    assert shown["start_on"].label.startswith("Look at" if edits else "Start from")
    assert ("looks at the picture" in on_strength(20, 0.5, FITTING[model])) == edits


def test_nothing_is_known_of_a_model_without_settings() -> None:
    shown = dict(zip(DECIDED, fitted(None, 512), strict=True))
    assert not shown["clip_skip"].visible
    assert shown["width"].value == shown["height"].value == 512


def test_choices_of_vaes_told_anew_leave_what_is_chosen_alone() -> None:
    for chosen in (OWN_VAE, "warm"):
        told = vaes_found(["warm"], chosen)
        assert told["choices"] == [OWN_VAE, "warm"]
        assert "value" not in told, "another may have been chosen while the answer was on its way"


def test_a_vae_that_is_gone_gives_way_to_the_models_own() -> None:
    assert vaes_found(["warm"], "cool").value == OWN_VAE
