"""Transformers in files of their own, as their makers name the layers: they paint as the folder of their family."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import init_empty_weights  # type: ignore[import-untyped]
from diffusers import ChromaTransformer2DModel, FluxTransformer2DModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio import GenerationRequest, Run, Settings, Studio
from studio.errors import GenerationFailed
from studio.models import single_file
from studio.models.family import Kind, nature_of
from studio.models.making import making
from studio.models.scan import describe
from tests import originals, tiny_families
from tests.models.test_header import header_of

MAKERS: dict[str, tuple[Callable[[Path], None], Callable[[Any], dict[str, Tensor]]]] = {
    "sd3": (tiny_families.sd3, originals.sd3),
    "sd35": (tiny_families.sd35, originals.sd3),
    "flux2": (tiny_families.flux2, originals.flux2),
    "z-image": (tiny_families.z_image, originals.z_image),
    "qwen-image": (tiny_families.qwen_image, originals.qwen_image),
    "sana": (tiny_families.sana, originals.sana),
}
PREFIX = "model.diffusion_model."


def layers(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each model as a diffusers folder, and its transformer as files of three layouts."""
    made = tmp_path_factory.mktemp("alone")
    for name, (make, rename) in MAKERS.items():
        make(made / name)
        theirs = {key: tensor.contiguous() for key, tensor in rename(layers(made / name)).items()}
        save_file(theirs, made / f"{name}-original.safetensors")
        save_file({PREFIX + key: tensor for key, tensor in theirs.items()}, made / f"{name}-prefixed.safetensors")
        save_file(layers(made / name), made / f"{name}-named.safetensors")
    return made


@pytest.fixture(scope="module")
def studio(own_studio: Studio) -> Studio:
    return own_studio


def painted(studio: Studio, name: str) -> Run:
    fitting = studio.library.fitting(name)
    assert fitting is not None
    known: dict[str, Any] = {"sampler": fitting.sampler, "cfg_scale": fitting.cfg_scale, "steps": 2, "seed": 3}
    return studio.submit(GenerationRequest(model=name, prompt="a cat", width=64, height=64, reproducible=True, **known))


@pytest.mark.parametrize("name", MAKERS)
def test_a_file_paints_as_the_folder_it_was_made_from(studio: Studio, name: str) -> None:
    of_folder = painted(studio, name)
    assert of_folder.result.paths
    for layout in ("original", "prefixed", "named"):
        run = painted(studio, f"{name}-{layout}")
        assert run.result.paths
        # The same numbers, but where they lie in memory decides by which kernels they are multiplied.
        assert torch.allclose(run.steps[-1].latents, of_folder.steps[-1].latents, atol=1e-5)


def wide(kind: Any, **more: Any) -> Any:
    """A transformer as wide as the real one, which its names in one file depend on, and no deeper than needed; each
    tensor of one number, so that it is known where it went."""
    with init_empty_weights():
        module = kind(num_layers=1, num_single_layers=1, joint_attention_dim=32, in_channels=64, **more)
    state = module.state_dict()
    values = {name: float(at % 15 + 1) for at, name in enumerate(state)}
    return module.config, {
        name: torch.full(tensor.shape, values[name], dtype=torch.float8_e4m3fn) for name, tensor in state.items()
    }


@pytest.mark.parametrize(
    ("family", "kind", "make", "more"),
    [
        ("FLUX.1", FluxTransformer2DModel, tiny_families.flux, {"pooled_projection_dim": 32, "guidance_embeds": True}),
        ("Chroma", ChromaTransformer2DModel, tiny_families.chroma, {"approximator_layers": 1}),
    ],
)
def test_a_flux_and_a_chroma_of_the_real_width_are_read(
    tmp_path: Path, family: str, kind: Any, make: Callable[[Path], None], more: dict[str, Any]
) -> None:
    config, state = wide(kind, **more)
    make(tmp_path / "lender")
    (tmp_path / "lender" / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    (tmp_path / "lender" / "transformer" / "config.json").write_text(
        json.dumps(dict(config) | {"_class_name": kind.__name__}), encoding="utf-8"
    )
    theirs = originals.flux({name: tensor.view(torch.uint8) for name, tensor in state.items()})
    path = tmp_path / "fp8.safetensors"
    save_file({PREFIX + name: tensor.view(torch.float8_e4m3fn) for name, tensor in theirs.items()}, path)
    nature = describe(path).nature
    assert (nature.kind, nature.family) == (Kind.CHECKPOINT, family)
    with making():
        pipeline = single_file.read(path, nature, tmp_path / "lender")
    read = pipeline.transformer.state_dict()
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], tensor.half()) for name, tensor in state.items())


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        ({"double_blocks.0.img_attn.norm.key_norm.scale": (128,), "img_in.weight": (3072, 384)}, "FLUX.1 Fill"),
        ({"double_blocks.0.img_attn.norm.key_norm.scale": (128,), "img_in.weight": (3072, 128)}, "FLUX.1 Control"),
        ({f"{PREFIX}joint_blocks.0.context_block.adaLN_modulation.1.bias": (14592,)}, "SD 3"),
        ({"diffusion_model.single_stream_modulation.lin.weight": (9216, 3072)}, "FLUX.2"),
        ({"diffusion_model.layers.0.adaLN_modulation.0.weight": (15360, 256)}, "Z-Image"),
    ],
)
def test_the_family_is_told_from_the_layers(shapes: dict[str, tuple[int, ...]], family: str) -> None:
    assert nature_of(header_of(shapes)).family == family


def test_editions_of_the_same_layers_are_told_by_the_files_name(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "Qwen_Image_Edit_2509.safetensors"
    path.symlink_to(folder / "qwen-image-original.safetensors")
    assert describe(path).nature.family == "Qwen-Image-Edit"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("blocks.0.mlp.fc1.weight", "y_embedder.y_proj.fc1.weight"), "transformer of PixArt"),
        (("adaln_single.linear.weight", "pos_embed.proj.weight"), "transformer of PixArt"),
        (("double_blocks.0.img_attn.qkv.weight", "double_blocks.0.img_attn.qkv.scale_weight"), "as ComfyUI reads them"),
        (("transformer_blocks.0.qkv_proj.wscales",), "for Nunchaku"),
        (("double_blocks.0.img_attn.qkv.weight.quant_state.bitsandbytes__nf4",), "of bitsandbytes"),
        (("controlnet_blocks.0.weight",), "ControlNet for a transformer"),
    ],
)
def test_what_cannot_be_read_says_what_to_get(tmp_path: Path, names: tuple[str, ...], sentence: str) -> None:
    save_file({name: torch.zeros(2) for name in names}, tmp_path / "it.safetensors")
    assert sentence in describe(tmp_path / "it.safetensors").problem


def test_a_file_that_nobody_lends_to_says_what_it_needs(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "alone.safetensors").symlink_to(folder / "z-image-original.safetensors")
    with Studio(Settings(models=(tmp_path / "models",), outputs=tmp_path / "out", device="cpu")) as studio:
        studio.library.rescan()
        assert "alone" not in studio.library.names
        (found,) = studio.library.found
        assert "a diffusers folder of Z-Image" in studio.library.lacking(found)


def test_a_file_of_another_size_than_its_lender_is_told_and_the_next_run_works(studio: Studio, folder: Path) -> None:
    tensors = load_file(folder / "flux2-original.safetensors")
    tensors["img_in.weight"] = tensors["img_in.weight"][:, :16].contiguous()
    save_file(tensors, folder / "narrow.safetensors")
    studio.library.rescan()
    with pytest.raises(GenerationFailed, match="not like those of 'flux2', the folder that would lend it the rest"):
        _ = painted(studio, "narrow").result
    assert painted(studio, "flux2-original").result.paths
