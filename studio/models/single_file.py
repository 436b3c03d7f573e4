"""Checkpoints in one file: a whole Stable Diffusion, or the transformer of a later family alone.

Such a file does not say how its layers are put together. For Stable Diffusion 1.x, 2.x and XL that
ships in presets/configs, so nothing is fetched. A transformer alone borrows text encoders and
autoencoder, and its configuration, from a diffusers folder of its family.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import (
    DDIMScheduler,
    DiffusionPipeline,
    GGUFQuantizationConfig,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.loaders.single_file_utils import load_single_file_checkpoint
from diffusers.utils import is_gguf_available
from transformers import CLIPTokenizer

from studio.models.alone import layers
from studio.models.beside import read_json
from studio.models.family import Nature
from studio.models.gguf import is_gguf
from studio.models.header import read_header, variant_of
from studio.models.scan import WHOLE_FILES
from studio.presets import CLIP_TOKENIZER, PRESETS

CONFIGS = PRESETS / "configs"
TOKENIZER = CLIP_TOKENIZER
V_ANSWER = -1.0


def read(path: Path, nature: Nature, lender: Path | None, compute: torch.dtype = torch.float32) -> DiffusionPipeline:
    """The pipeline of a file on the CPU, its denoiser in the precision of the file, the rest in fp32;
    ``lender`` is the folder that a transformer borrows from, ``compute`` the precision that one of a GGUF file
    computes in.

    Raises:
        ValueError: if the file holds something else, or not all of it; what else diffusers raises may come as well.
    """
    if nature.family in WHOLE_FILES:
        return _stable_diffusion(path, nature, CONFIGS / WHOLE_FILES[nature.family])
    if lender is None:
        raise ValueError(
            f"it holds the transformer alone, and there is no folder of {nature.family} to lend it the rest"
        )
    return _borrowing(path, lender, compute)


def _stable_diffusion(path: Path, nature: Nature, config: Path) -> DiffusionPipeline:
    options: dict[str, Any] = {"config": str(config), "local_files_only": True, "torch_dtype": _stored(path)}
    parts: dict[str, Any] = {"tokenizer": CLIPTokenizer.from_pretrained(TOKENIZER)}
    if nature.inpainting:
        unet = UNet2DConditionModel.from_single_file(str(path), subfolder="unet", in_channels=9, **options)
        parts["unet"] = unet
    kind: Any = StableDiffusionPipeline
    if nature.family == "SDXL":
        kind = StableDiffusionXLPipeline
        parts |= {"tokenizer_2": CLIPTokenizer.from_pretrained(TOKENIZER, pad_token="!"), "add_watermarker": False}
    else:
        parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        if nature.family == "SD 2.x":
            parts["tokenizer"] = CLIPTokenizer.from_pretrained(TOKENIZER, pad_token="!")
    pipeline: DiffusionPipeline = kind.from_single_file(str(path), **parts, **options)
    for part in (pipeline.vae, pipeline.text_encoder, getattr(pipeline, "text_encoder_2", None)):
        if part is not None:
            part.float()
    predicts_v = nature.prediction == "v" or (
        not nature.prediction and nature.family == "SD 2.x" and answers_with_v(pipeline.unet)
    )
    if predicts_v:
        pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, prediction_type="v_prediction")
    return pipeline


def _borrowing(path: Path, lender: Path, compute: torch.dtype) -> DiffusionPipeline:
    _, kind = json.loads((lender / "model_index.json").read_text(encoding="utf-8"))["transformer"]
    options: dict[str, Any] = {"config": str(lender), "subfolder": "transformer", "local_files_only": True}
    if is_gguf(path):
        if not is_gguf_available():
            raise ValueError("reading GGUF needs one more package: pip install gguf, then start Stepwise again")
        options |= {"quantization_config": GGUFQuantizationConfig(compute_dtype=compute), "torch_dtype": compute}
    else:
        options |= {"torch_dtype": _stored(path)}
    tensors = dict(layers(load_single_file_checkpoint(str(path))))
    told = read_json(lender / "transformer" / "config.json").get("guidance_embeds", True)
    try:
        if not told and any(name.startswith("guidance_in.") for name in tensors):
            raise ValueError("it is told its guidance, and they are not")
        transformer = getattr(diffusers, kind).from_single_file(tensors, **options)
    except (LookupError, ValueError, RuntimeError, TypeError) as error:
        why = str(error).partition(" If you want")[0]  # without diffusers' advice to programmers
        raise ValueError(
            f"its layers are not like those of {lender.name!r}, the folder that would lend it the rest ({why})"
        ) from error
    pipeline: DiffusionPipeline = DiffusionPipeline.from_pretrained(
        lender,
        transformer=transformer,
        torch_dtype=torch.float32,
        local_files_only=True,
        use_safetensors=True,
        variant=variant_of(lender),
    )
    return pipeline


def _stored(path: Path) -> torch.dtype:
    """The precision of most of its numbers, or one that holds them exactly: so no more memory is taken than needed."""
    counts: dict[str, int] = {}
    for info in read_header(path).tensors.values():
        counts[info.dtype] = counts.get(info.dtype, 0) + math.prod(info.shape)
    if counts.get("F32", 0) * 2 > sum(counts.values()):
        return torch.float32
    return torch.bfloat16 if counts.get("BF16", 0) > counts.get("F16", 0) else torch.float16


@torch.no_grad()
def answers_with_v(unet: Any) -> bool:
    """Whether the UNet of a Stable Diffusion 2.x predicts v rather than the noise.

    Its files do not tell. At the noisiest timestep a sample is nearly all noise, so that one trained
    on epsilon gives it back, and one trained on v, alpha * noise - sigma * x0, does not: the sample
    that the web UI asks with (``sd_models_config.py``).
    """
    sample = torch.full((1, 4, 8, 8), 0.5, dtype=unet.dtype)
    context = torch.full((1, 2, int(unet.config.cross_attention_dim)), 0.5, dtype=unet.dtype)
    answer = unet(sample, 999, context, return_dict=False)[0]
    return float((answer - sample).mean()) < V_ANSWER
