"""A transformer in a GGUF file, beside a folder of its family: it paints as diffusers does with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from diffusers import FluxPipeline, FluxTransformer2DModel, GGUFQuantizationConfig
from gguf import GGMLQuantizationType, GGUFWriter
from safetensors.torch import load_file
from torch import Tensor

from studio import GenerationRequest, Studio
from studio.errors import GenerationFailed
from studio.models import memory, single_file, weights
from studio.models.library import Source
from tests import originals, tiny_families

BLOCK = 32
"""Numbers that Q8_0 scales together."""


def quantized(
    folder: Path,
    path: Path,
    cut: int = 0,
    rename: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict,
    architecture: str = "flux",
) -> None:
    """Write a folder's transformer with its matrices in 8 bits; ``cut`` so many bytes off its end."""
    writer = GGUFWriter(path, architecture)
    for name, tensor in rename(load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")).items():
        values = tensor.float().contiguous().numpy()
        if values.ndim == 2 and values.shape[1] % BLOCK == 0 and name.endswith(".weight"):
            kind = GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    for write in (
        writer.write_header_to_file,
        writer.write_kv_data_to_file,
        writer.write_tensors_to_file,
        writer.close,
    ):
        write()
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])


ORIGINALS: dict[str, tuple[Callable[[Path], None], Callable[[Any], dict[str, Tensor]], str]] = {
    "sd35": (tiny_families.sd35, originals.sd3, "sd3"),
    "flux2": (tiny_families.flux2, originals.flux2, "flux"),
    "z-image": (tiny_families.z_image, originals.z_image, "lumina2"),
    "qwen-image": (tiny_families.qwen_image, originals.qwen_image, "qwen_image"),
}
"""Families under the names that their files have, and the architectures that those name."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("gguf")
    tiny_families.flux(made / "lender")
    quantized(made / "lender", made / "small.gguf")
    quantized(made / "lender", made / "cut.gguf", cut=20_000)
    for name, (make, rename, architecture) in ORIGINALS.items():
        make(made / name)
        quantized(made / name, made / f"{name}-small.gguf", rename=rename, architecture=architecture)
    return made


@pytest.fixture(scope="module")
def studio(own_studio: Studio) -> Studio:
    return own_studio


def asked(model: str) -> GenerationRequest:
    sized: dict[str, Any] = {"width": 64, "height": 64, "steps": 2, "sampler": "Euler", "cfg_scale": 1.0}
    return GenerationRequest(model=model, prompt="a cat", seed=3, reproducible=True, **sized)


def test_it_paints_as_the_bare_pipeline_does_with_it(studio: Studio, folder: Path) -> None:
    run = studio.submit(asked("small"))
    assert run.result.paths
    transformer = FluxTransformer2DModel.from_single_file(
        str(folder / "small.gguf"),
        config=str(folder / "lender"),
        subfolder="transformer",
        quantization_config=GGUFQuantizationConfig(compute_dtype=torch.float32),
        torch_dtype=torch.float32,
    )
    pipeline = FluxPipeline.from_pretrained(folder / "lender", transformer=transformer)
    pipeline.set_progress_bar_config(disable=True)
    with torch.no_grad():
        latents = pipeline(
            prompt="a cat",
            width=64,
            height=64,
            num_inference_steps=2,
            guidance_scale=3.5,
            generator=torch.Generator().manual_seed(3),
            output_type="latent",
        ).images
    whole = studio.submit(asked("lender"))
    assert whole.result.paths
    assert torch.allclose(run.steps[-1].latents, latents, atol=1e-5)
    difference = (run.steps[-1].latents - whole.steps[-1].latents).abs().mean()
    assert 0 < difference < 0.05 * whole.steps[-1].latents.abs().mean()


@pytest.mark.parametrize("name", ORIGINALS)
def test_one_under_original_names_paints_nearly_as_the_folder_it_was_made_from(studio: Studio, name: str) -> None:
    whole, run = studio.submit(asked(name)), studio.submit(asked(f"{name}-small"))
    assert whole.result.paths
    assert run.result.paths
    difference = (run.steps[-1].latents - whole.steps[-1].latents).abs().mean()
    assert 0 < difference < 0.05 * whole.steps[-1].latents.abs().mean()


def test_it_takes_the_memory_that_its_file_says(studio: Studio, folder: Path) -> None:
    source = studio.library.source("small")
    found, of_folder = weights.weigh(source), weights.weigh(Source(folder / "lender"))
    assert found.denoiser == of_folder.denoiser
    assert found.held(memory.WHOLE, "fp32") < of_folder.held(memory.WHOLE, "fp32")
    assert "quantized as in its file" in memory.choose(found, "cuda", "bf16", 80 * memory.GIB).sentence
    assert memory.choose(found, "cuda", "bf16", 80 * memory.GIB, not_before=memory.SMALL).name == memory.STREAMED


def test_one_that_was_cut_off_is_told_and_the_next_run_works(studio: Studio) -> None:
    with pytest.raises(GenerationFailed, match="The model 'cut' could not be read"):
        _ = studio.submit(asked("cut")).result
    assert studio.submit(asked("small")).result.paths


def test_without_the_package_it_says_what_to_install(
    studio: Studio, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_file, "is_gguf_available", lambda: False)
    source = studio.library.source("small")
    with pytest.raises(ValueError, match="pip install gguf"):
        single_file.read(folder / "small.gguf", source.nature, source.lender)
