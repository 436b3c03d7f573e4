"""ControlNets in one file: they lead as the diffusers folder that they were made from; what is none is told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import ControlNetModel
from PIL import Image
from safetensors.torch import load_file, save_file

from studio import GenerationRequest, Run, Settings, Studio
from studio.errors import GenerationFailed, ModelUnavailable
from studio.models import single_file
from studio.models.scan import WHOLE_FILES, describe
from studio.request import ControlUnit
from tests import ldm
from tests.tiny_models import DEEP, XL, stable_diffusion, stable_diffusion_xl, unet

LAYOUTS: dict[str, dict[str, Any]] = {
    "SD 1.x": DEEP | {"cross_attention_dim": 768},
    "SD 2.x": DEEP | {"cross_attention_dim": 1024},
    "SDXL": XL | {"cross_attention_dim": 2048},
}
"""By the width of the words, as real ones have it, a ControlNet's family is known."""


def control_net(folder: Path, **more: Any) -> ControlNetModel:
    torch.manual_seed(3)
    module = ControlNetModel.from_unet(unet(**more))
    for layer in (*module.controlnet_down_blocks, module.controlnet_mid_block):
        torch.nn.init.normal_(layer.weight, std=0.1)
    module.half().float().save_pretrained(folder)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For each family a model, and its ControlNet as a folder and as files of several layouts."""
    made = tmp_path_factory.mktemp("controls")
    for family, layout in LAYOUTS.items():
        short = WHOLE_FILES[family]
        if family == "SDXL":
            stable_diffusion_xl(made / short, widths=(768, 1280), cross_attention_dim=2048)
        else:
            stable_diffusion(made / short, **layout)
        module = control_net(made / f"{short}-control", **layout)
        ldm.control_net(module, made / f"{short}-alone.safetensors")
        ldm.control_net(module, made / f"{short}-prefixed.safetensors", "control_model.")
        shutil.copy(
            made / f"{short}-control" / "diffusion_pytorch_model.safetensors", made / f"{short}-named.safetensors"
        )
    whole = load_file(made / "sd-1-alone.safetensors")
    save_file({key: value for key, value in whole.items() if "zero_convs.1" not in key}, made / "lacking.safetensors")
    save_file({"lora_controlnet": torch.ones(1), **whole}, made / "control-lora.safetensors")
    named = load_file(made / "sdxl-named.safetensors")
    save_file({"task_embedding": torch.ones(1), **named}, made / "union.safetensors")
    (made / "union-folder").mkdir()
    (made / "union-folder" / "config.json").write_text('{"_class_name": "ControlNetUnionModel"}')
    save_file({"lllite_unet_input_blocks_4.down.weight": torch.ones(2)}, made / "lllite.safetensors")
    return made


@pytest.fixture(scope="module")
def studio(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    configs = tmp_path_factory.mktemp("configs")
    for family in LAYOUTS:
        shutil.copytree(
            folder / WHOLE_FILES[family], configs / WHOLE_FILES[family], ignore=shutil.ignore_patterns("*.safetensors")
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(single_file, "CONFIGS", configs)
        outputs = tmp_path_factory.mktemp("outputs")
        with Studio(Settings(models=(folder,), outputs=outputs, device="cpu", precision="fp32")) as running:
            running.library.rescan()
            yield running


def led(studio: Studio, model: str, control: str) -> Run:
    picture = Image.linear_gradient("L").convert("RGB").resize((64, 64))
    unit = ControlUnit(model=control, image=studio.inputs.add(picture))
    known: dict[str, Any] = {"steps": 2, "seed": 3, "width": 64, "height": 64, "reproducible": True}
    return studio.submit(GenerationRequest(model=model, control=(unit,), **known))


@pytest.mark.parametrize("family", LAYOUTS)
def test_a_file_leads_as_the_folder_it_was_made_from(studio: Studio, family: str) -> None:
    name = WHOLE_FILES[family]
    of_folder = led(studio, name, f"{name}-control")
    assert of_folder.result.paths
    for layout in ("alone", "prefixed", "named"):
        run = led(studio, name, f"{name}-{layout}")
        assert run.result.paths
        assert ldm.alike(run.steps[-1].latents, of_folder.steps[-1].latents)


def test_one_of_another_family_is_told(studio: Studio) -> None:
    with pytest.raises(GenerationFailed, match="'sd-2-alone' is made for another family than 'sd-1'"):
        _ = led(studio, "sd-1", "sd-2-alone").result


def test_one_that_lacks_weights_is_told_and_the_next_run_works(studio: Studio) -> None:
    with pytest.raises(GenerationFailed, match="The ControlNet 'lacking' could not be read"):
        _ = led(studio, "sd-1", "lacking").result
    assert led(studio, "sd-1", "sd-1-alone").result.paths


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("control-lora", "This is a Control-LoRA"),
        ("lllite", "This is a ControlNet-LLLite"),
        ("union", "This is a ControlNet-Union"),
        ("union-folder", "This is a ControlNet-Union"),
    ],
)
def test_what_is_no_whole_controlnet_says_what_to_get(studio: Studio, folder: Path, name: str, sentence: str) -> None:
    path = folder / name
    assert describe(path if path.is_dir() else path.with_suffix(".safetensors")).problem.startswith(sentence)
    with pytest.raises(ModelUnavailable, match="no ControlNet of that name"):
        led(studio, "sd-1", name)
