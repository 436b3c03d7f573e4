"""Checkpoints in one file, under their original names: they paint as the pipeline they were made from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import init_empty_weights  # type: ignore[import-untyped]
from diffusers import AutoencoderKL, DiffusionPipeline, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from studio import GenerationRequest, Settings, Studio
from studio.errors import ModelUnavailable
from studio.models import single_file
from studio.models.making import making
from studio.models.scan import WHOLE_FILES, describe
from studio.presets import PRESETS
from tests import ldm, tiny_families
from tests.tiny_models import DEEP, stable_diffusion, stable_diffusion_xl

MAKERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "sd": ("SD 1.x", lambda folder: stable_diffusion(folder, **DEEP)),
    "sd-inpainting": ("SD 1.x", lambda folder: stable_diffusion(folder, channels=9, **DEEP)),
    "sd2": ("SD 2.x", lambda folder: stable_diffusion(folder, cross_attention_dim=1024, **DEEP)),
    "xl": ("SDXL", lambda folder: stable_diffusion_xl(folder, layers=10)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each model twice: as a diffusers folder called "...-folder", and as a file."""
    made = tmp_path_factory.mktemp("single")
    for name, (_, make) in MAKERS.items():
        make(made / f"{name}-folder")
        pipeline = DiffusionPipeline.from_pretrained(made / f"{name}-folder", safety_checker=None)
        for part in pipeline.components.values():
            if isinstance(part, torch.nn.Module):
                part.half().float()
        pipeline.save_pretrained(made / f"{name}-folder")
        ldm.save(pipeline, made / f"{name}.safetensors")
    return made


@pytest.fixture(scope="module")
def studio(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio for which the configurations that ship are those of the tiny models."""
    configs = tmp_path_factory.mktemp("configs")
    for name, (family, _) in MAKERS.items():
        if not name.endswith("inpainting"):
            ignored = shutil.ignore_patterns("*.safetensors")
            shutil.copytree(folder / f"{name}-folder", configs / WHOLE_FILES[family], ignore=ignored)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(single_file, "CONFIGS", configs)
        patch.setattr(single_file, "TOKENIZER", folder / "sd-folder" / "tokenizer")
        settings = Settings(
            models=(folder,), outputs=tmp_path_factory.mktemp("outputs"), device="cpu", precision="fp32"
        )
        with Studio(settings) as running:
            running.library.rescan()
            yield running


def asked(model: str, **values: Any) -> GenerationRequest:
    known: dict[str, Any] = {"prompt": "a cat", "seed": 3, "steps": 3, "width": 64, "height": 64, "reproducible": True}
    return GenerationRequest(model=model, **(known | values))


@pytest.mark.parametrize("name", ["sd", "xl"])
def test_a_file_paints_as_the_folder_it_was_made_from(studio: Studio, name: str) -> None:
    of_file, of_folder = (studio.submit(asked(f"{name}{end}")) for end in ("", "-folder"))
    assert of_file.result.paths
    assert of_folder.result.paths
    assert ldm.alike(of_file.steps[-1].latents, of_folder.steps[-1].latents)


def test_a_file_made_for_inpainting_is_told_by_its_nine_channels(studio: Studio) -> None:
    name = studio.inputs.add(Image.new("RGB", (64, 64), "#336699"))
    runs = [studio.submit(asked(f"sd-inpainting{end}", image=name)) for end in ("", "-folder")]
    assert all(run.result.paths for run in runs)
    assert ldm.alike(runs[0].steps[-1].latents, runs[1].steps[-1].latents)


def test_a_stable_diffusion_2_says_by_its_answer_what_it_predicts(studio: Studio, folder: Path) -> None:
    path = folder / "sd2.safetensors"
    found = describe(path)
    assert (found.nature.family, found.nature.prediction) == ("SD 2.x", "")
    with pytest.MonkeyPatch.context() as patch:
        for answer, prediction in ((True, "v_prediction"), (False, "epsilon")):
            patch.setattr(single_file, "answers_with_v", lambda _, answer=answer: answer)
            pipeline = single_file.read(path, found.nature, None)
            assert pipeline.scheduler.config.prediction_type == prediction


class Answering(torch.nn.Module):
    """A UNet that gives back so much of what it is asked, less an offset."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset, self.dtype = offset, torch.float32
        self.config = type("Config", (), {"cross_attention_dim": 1024})()

    def forward(self, sample: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor]:
        return (sample - self.offset,)


def test_an_answer_far_below_the_sample_is_v() -> None:
    assert single_file.answers_with_v(Answering(1.5))
    assert not single_file.answers_with_v(Answering(0.0))


@pytest.mark.parametrize("make", [tiny_families.flux, tiny_families.fill])
def test_a_transformer_alone_borrows_the_rest_from_a_folder_of_its_family(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "models" / "lender")
    weights = load_file(tmp_path / "models" / "lender" / "transformer" / "diffusion_pytorch_model.safetensors")
    save_file({f"{key}": tensor for key, tensor in weights.items()}, tmp_path / "alone.safetensors")
    settings = Settings(models=(tmp_path / "models",), outputs=tmp_path / "out", device="cpu", precision="fp32")
    with Studio(settings) as studio:
        studio.library.rescan()
        lender = studio.library.folder("lender")
        nature = describe(lender).nature
        with making():  # beside the studio's own thread, which loads the embedded model now
            pipeline = single_file.read(tmp_path / "alone.safetensors", nature, lender)
            own = DiffusionPipeline.from_pretrained(lender)
        pipeline.transformer.float()
        mine, theirs = pipeline.transformer.state_dict(), own.transformer.state_dict()
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in theirs)
        with pytest.raises(ValueError, match="to lend it the rest"):
            single_file.read(tmp_path / "alone.safetensors", nature, None)


def test_a_file_that_lacks_tensors_is_told(studio: Studio, folder: Path, tmp_path: Path) -> None:
    tensors = load_file(folder / "sd.safetensors")
    del tensors["model.diffusion_model.middle_block.0.in_layers.2.weight"]
    save_file(tensors, folder / "lacking.safetensors")
    studio.library.rescan()
    run = studio.submit(asked("lacking"))
    with pytest.raises(Exception, match="weights are missing in it"):
        _ = run.result
    (folder / "lacking.safetensors").unlink()
    studio.library.rescan()
    with pytest.raises(ModelUnavailable):
        studio.submit(asked("lacking"))


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("family", "unet", "text"),
    [
        ("SD 1.x", 859_520_964, 123_060_480),
        ("SD 2.x", 865_910_724, 340_387_840),
        ("SDXL", 2_567_463_684, 123_060_480),
    ],
)
def test_the_configurations_that_ship_are_of_the_published_sizes(family: str, unet: int, text: int) -> None:
    config = PRESETS / "configs" / WHOLE_FILES[family]
    with init_empty_weights():
        assert (
            count(UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(config, subfolder="unet"))) == unet
        )
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(config, subfolder="vae"))
        assert count(vae) == 83_653_863
        assert count(CLIPTextModel(CLIPTextConfig.from_pretrained(config, subfolder="text_encoder"))) == text
        if family == "SDXL":
            told = CLIPTextConfig.from_pretrained(config, subfolder="text_encoder_2")
            assert count(CLIPTextModelWithProjection(told)) == 694_659_840


def test_the_vocabulary_that_ships_is_clips() -> None:
    words = CLIPTokenizer.from_pretrained(PRESETS / "configs" / "clip-tokenizer")
    assert words("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
