"""Loading: the embedded model, folders beside it, half precision, what cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from studio import GenerationRequest, Settings, Studio
from studio.errors import ModelUnavailable
from studio.models import device
from studio.models.library import EMBEDDED, EMBEDDED_CONTROL, EMBEDDED_FOLDER, EMBEDDED_QUICK, Library, Source
from studio.models.loader import load


def test_the_embedded_model_is_small_files_of_safetensors() -> None:
    files = [path for path in EMBEDDED_FOLDER.rglob("*") if path.is_file()]
    assert all(path.stat().st_size <= 16_000_000 for path in files)
    assert sum(path.stat().st_size for path in files) <= 64_000_000
    assert not [path for path in files if path.suffix in (".bin", ".pt", ".ckpt", ".pkl")]


XL_CONTROLS = ("tiny-xl-control", "tiny-xl-control-2")


def test_models_are_known_by_name_and_paths_stay_inside(models: Path) -> None:
    library = Library([models])
    assert library.names == [
        EMBEDDED,
        EMBEDDED_QUICK,
        "tiny-epsilon",
        "tiny-inpainting",
        "tiny-v",
        "tiny-xl",
        "tiny-xl-inpainting",
    ]
    assert library.controls == [EMBEDDED_CONTROL, "tiny-control", "tiny-control-2", *XL_CONTROLS]
    assert library.native_side(EMBEDDED) == 128
    assert library.native_side("tiny-v") == 64
    with pytest.raises(ModelUnavailable, match="There is no model of that name"):
        library.folder("../tiny-v")


def test_a_model_whose_weights_came_in_half_precision_alone_is_read(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "tiny-v", tmp_path / "half")
    for part in ("unet", "text_encoder"):
        (weights,) = (tmp_path / "half" / part).glob("*.safetensors")
        weights.rename(weights.with_suffix(".fp16.safetensors"))
    loaded = load(Source(tmp_path / "half"), "half", device.choose("cpu", "fp32"))
    whole = load(Source(models / "tiny-v"), "whole", device.choose("cpu", "fp32"))
    pairs = zip(loaded.denoiser.parameters(), whole.denoiser.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_broken_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match="could not be read"):
        load(Source(tmp_path), "broken", device.choose("cpu", "fp32"))


def test_half_precision_paints_nearly_the_same_in_fp32_latents(studio: Studio, tmp_path: Path) -> None:
    request = GenerationRequest(prompt="a fox in a forest", steps=4, seed=5, reproducible=True)
    whole = studio.submit(request)
    with Studio(Settings(outputs=tmp_path, device="cpu", precision="bf16")) as other:
        half = other.submit(request)
        assert half.result.paths
    assert whole.result.paths
    assert half.steps[-1].latents.dtype == torch.float32
    assert (whole.steps[-1].latents - half.steps[-1].latents).abs().mean() < 0.1


def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(ModelUnavailable):
        device.choose("tpu")
    with pytest.raises(ModelUnavailable):
        device.choose("cpu", "fp12")
