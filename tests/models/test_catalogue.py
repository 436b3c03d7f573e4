"""The catalogue: every entry is whole, safe and fits what the studio can do."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest
from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

from studio.models.catalogue import CATALOGUE, Entry
from studio.models.family import Kind
from studio.presets import SAMPLERS, schedules_of


def fetched(entry: Entry, names: list[str]) -> list[str]:
    return list(filter_repo_objects(names, allow_patterns=list(entry.wanted), ignore_patterns=list(entry.unwanted)))


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_every_entry_is_whole(entry: Entry) -> None:
    assert entry.licence.url.startswith("https://")
    assert entry.repo.count("/") == 1
    assert entry.family
    for fitting in filter(None, [entry.fitting]):
        assert fitting.sampler in SAMPLERS
        assert fitting.schedule in schedules_of(fitting.sampler)
        assert fitting.side % 16 == 0
    assert entry.fitting or entry.kind in (Kind.CONTROLNET, Kind.VAE)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_nothing_but_safetensors_and_plain_text_is_ever_fetched(entry: Entry) -> None:
    parts = ["", *(f"{part}/" for part in entry.parts), "unet/"]
    endings = ("bin", "ckpt", "pt", "pth", "py", "msgpack", "onnx", "pkl", "zip", "exe")
    assert fetched(entry, [f"{part}model.{ending}" for part in parts for ending in endings]) == []


def test_a_pipeline_is_fetched_in_one_edition() -> None:
    entry = CATALOGUE["stable-diffusion-xl-base-1.0"]
    unet = ["unet/config.json", "unet/diffusion_pytorch_model.fp16.safetensors"]
    there = ["model_index.json", *unet, "unet/diffusion_pytorch_model.safetensors", "tokenizer/merges.txt"]
    more = ["sd_xl_base_1.0.safetensors", "unet/openvino_model.xml", "vae_1_0/config.json", "01.png"]
    assert fetched(entry, there + more) == ["model_index.json", *unet, "tokenizer/merges.txt"]


def test_a_module_is_fetched_without_what_lies_in_folders() -> None:
    names = ["config.json", "diffusion_pytorch_model.safetensors", "sd/diffusion_pytorch_model.safetensors"]
    assert fetched(CATALOGUE["taesd"], names) == names[:2]
    assert fetched(CATALOGUE["control_v11p_sd15_canny"], names) == names[:1]


def test_a_file_is_fetched_alone() -> None:
    entry = CATALOGUE["sdxl_lightning_4step_lora"]
    assert fetched(entry, ["README.md", entry.file, "sdxl_lightning_4step.safetensors"]) == [entry.file]


def test_sizes_follow_from_the_weights() -> None:
    """FLUX.1 dev is 12 billion weights with a text encoder of 5: 34 GB in half precision, as its repository is."""
    entry = CATALOGUE["FLUX.1-dev"]
    assert entry.download == entry.memory == pytest.approx(33.7e9, rel=0.01)
    assert CATALOGUE["PixArt-Sigma-XL-2-1024-MS"].download == 2 * CATALOGUE["PixArt-Sigma-XL-2-1024-MS"].memory
    assert CATALOGUE["Hyper-SDXL-8steps-lora"].download == 0


def test_names_are_safe_folder_names() -> None:
    assert all(fnmatch(name, "[A-Za-z]*") and "/" not in name and ".." not in name for name in CATALOGUE)
