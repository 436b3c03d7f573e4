"""Settings that name what is not here: something stands in for it, and that is said."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file

from components import controls, drawing
from components.filling import Filling
from components.form import Form
from components.standing_in import Named, standing_in
from components.visitors import Visitors
from studio import GenerationRequest, Studio
from studio.gallery.infotext import CHUNK, parse, to_fields
from studio.models.library import EMBEDDED, EMBEDDED_CONTROL, Library
from studio.presets import FITTING
from tests.components.test_visitors import request

MINE = "mine"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """With a model of one's own, as a folder, and one as a file, whose hash is known."""
    for part in ("unet", "vae"):
        (tmp_path / MINE / part).mkdir(parents=True)
    (tmp_path / MINE / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    (tmp_path / MINE / "unet" / "config.json").write_text(json.dumps({"cross_attention_dim": 768}))
    weight = "model.diffusion_model.output_blocks.11.0.skip_connection.weight"
    save_file({weight: torch.zeros(320, 640, 1, 1)}, tmp_path / "renamed.safetensors")
    found = Library([tmp_path])
    found.rescan()
    found.hash_files()
    return found


def filled(library: Library, settings: str, chosen: str = MINE) -> tuple[dict[str, Any], list[str]]:
    found = parse(f"a cat\nSteps: 20, CFG scale: 7, Seed: 1, {settings}")
    return standing_in(library, to_fields(found), Named.of(found), chosen)


def test_of_what_is_here_nothing_is_said(library: Library) -> None:
    fields, told = filled(library, f"Sampler: k_euler_a, Schedule type: sgm_uniform, Model: {MINE}, VAE: Automatic")
    assert told == []
    assert (fields["model"], fields["sampler"], fields["schedule"]) == (MINE, "Euler a", "SGM Uniform")
    assert fields["steps"] == 20
    assert filled(library, "Sampler: Euler")[1] == []


def test_each_thing_that_is_not_here_is_named_with_what_stands_in(library: Library) -> None:
    missing = "Sampler: DPM++ 2S a, Schedule type: Align Your Steps, Model: dreamshaper_8, VAE: orangemix.vae.pt"
    fields, told = filled(library, missing)
    assert (fields["model"], fields["vae"]) == (MINE, "")
    assert (fields["sampler"], fields["schedule"]) == (FITTING["SD 1.x"].sampler, "Automatic")
    said = " ".join(told)
    for name in ("'dreamshaper_8'", "'DPM++ 2S a'", "'Align Your Steps'", "'orangemix.vae'", f"{MINE!r}"):
        assert name in said
    assert len(told) == 4


def test_the_chosen_model_stays_and_without_one_the_embedded_paints(library: Library) -> None:
    assert filled(library, "Sampler: Euler, Model: gone", "renamed")[0]["model"] == "renamed"
    assert filled(library, "Sampler: Euler, Model: gone", "gone, too")[0]["model"] == EMBEDDED
    assert filled(library, "Sampler: Euler", "renamed")[0]["model"] == "renamed", "none was named"


def test_a_model_of_another_name_is_found_by_its_hash(library: Library) -> None:
    (file,) = (found for found in library.found if found.path.is_file())
    short = library.sha256(file)[:10]
    fields, told = filled(library, f"Sampler: Euler, Model hash: {short.upper()}, Model: v1-5-pruned-emaonly")
    assert (fields["model"], told) == ("renamed", [])
    assert filled(library, f"Sampler: Euler, Model hash: {short}")[0]["model"] == "renamed"
    assert filled(library, f"Sampler: Euler, Model hash: {short[:8]}, Model: x")[0]["model"] == MINE
    assert filled(library, "Sampler: Euler, Model hash: 0000000000, Model: x")[1]


def test_a_sampler_that_does_not_go_with_the_model_is_told(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FITTING, "SD 1.x", dataclasses.replace(FITTING["SD 1.x"], flow=True, sampler="Euler"))
    fields, (told,) = filled(library, f"Sampler: DDIM, Model: {MINE}")
    assert fields["sampler"] == "Euler"
    assert "'DDIM' does not go with 'mine'" in told


def test_a_picture_that_is_opened_says_it_once(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(gr, "Warning", warned.append)
    with gr.Blocks(analytics_enabled=False):
        panel, _ = drawing.build([EMBEDDED_CONTROL])
        column, _ = controls.build([EMBEDDED], panel)
    filling = Filling(studio, Visitors(public=False), Form(studio, column.names))
    for model, count in (("<b>gone</b>", 1), ("tiny-v", 0)):
        note = PngInfo()
        sampler = "DPM++ 2S a Karras" if count else "DPM++ 2M Karras"
        note.add_text(CHUNK, f"a cat\nSteps: 20, Sampler: {sampler}, CFG scale: 7, Seed: 1, Model: {model}")
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=note)
        _, _, *values = filling.fill(request(), str(tmp_path / "a.png"), "tiny-epsilon")
        shown = dict(zip(column.names, values, strict=True))
        assert shown["model"] == ("tiny-epsilon" if count else "tiny-v")
        assert len(warned) == 1
    assert "&lt;b&gt;gone" in warned[0]
    assert "'DPM++ 2S a Karras' is not here" in warned[0]


def test_a_run_whose_model_is_gone_keeps_the_chosen_one(library: Library) -> None:
    run = GenerationRequest(model="gone", prompt="a cat")
    fields, told = standing_in(library, {"model": run.model, "prompt": run.prompt}, Named(), MINE)
    assert (fields["model"], fields["prompt"], len(told)) == (MINE, "a cat", 1)
