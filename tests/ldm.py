"""Single files as trainers and sites hand them out: a pipeline's weights under their original names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from safetensors.torch import save_file
from torch import Tensor

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
ATTENTION = {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "group_norm": "norm"}


SECOND = 1024
"""The width of the words that Stable Diffusion 2.x is known by."""


def save(pipeline: DiffusionPipeline, path: Path, **metadata: str) -> None:
    """Write a Stable Diffusion pipeline in the layout of its original checkpoints, in fp16."""
    layers = int(pipeline.unet.config.layers_per_block) + 1
    tensors = {f"model.diffusion_model.{unet(key, layers)}": tensor for key, tensor in weights(pipeline.unet)}
    tensors |= {
        f"first_stage_model.{vae(key, tensor)[0]}": vae(key, tensor)[1] for key, tensor in weights(pipeline.vae)
    }
    words = clip(pipeline.text_encoder)
    if hasattr(pipeline, "text_encoder_2"):
        tensors |= {f"conditioner.embedders.0.transformer.{key}": tensor for key, tensor in words}
        tensors |= open_clip(dict(clip(pipeline.text_encoder_2)), "conditioner.embedders.1.model.")
    elif pipeline.text_encoder.config.hidden_size == SECOND:
        tensors |= open_clip(dict(words), "cond_stage_model.model.")
    else:
        tensors |= {f"cond_stage_model.transformer.{key}": tensor for key, tensor in words}
    save_file({key: tensor.half().contiguous().clone() for key, tensor in tensors.items()}, path, metadata or None)


def weights(module: Any) -> list[tuple[str, Tensor]]:
    """A module's tensors, positions of text encoders left out as old files have them."""
    return [(key, tensor) for key, tensor in module.state_dict().items() if "position_ids" not in key]


def clip(module: Any) -> list[tuple[str, Tensor]]:
    """A text encoder's tensors under the names they had before transformers took a level out."""
    plain = "text_projection.weight"
    return [(key if key.startswith(("text_model.", plain)) else f"text_model.{key}", it) for key, it in weights(module)]


def unet(key: str, layers: int) -> str:
    """The original name of a UNet's tensor; ``layers`` of its up blocks each."""
    if found := re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.*)", key):
        side, at, part, index, rest = found.groups()
        number = int(at) * layers + int(index) + (side == "down")
        name = "input_blocks" if side == "down" else "output_blocks"
        return f"{name}.{number}.{0 if part == 'resnets' else 1}.{renamed(rest, RESNET) if part == 'resnets' else rest}"
    if found := re.match(r"down_blocks\.(\d+)\.downsamplers\.0\.conv\.(.*)", key):
        return f"input_blocks.{(int(found[1]) + 1) * layers}.0.op.{found[2]}"
    if found := re.match(r"up_blocks\.(\d+)\.upsamplers\.0\.(.*)", key):
        return f"output_blocks.{int(found[1]) * layers + layers - 1}.{UPSAMPLER}.{found[2]}"
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)", key):
        at = 1 if found[1] == "attentions" else 2 * int(found[2])
        return f"middle_block.{at}.{renamed(found[3], RESNET) if found[1] == 'resnets' else found[3]}"
    return renamed(key, UNET)


UPSAMPLER = 2
"""Behind a residual block and its attention; the tiny models have attention where they have upsamplers."""


def vae(key: str, tensor: Tensor) -> tuple[str, Tensor]:
    """The original name of an autoencoder's tensor, and how it is shaped there."""
    blocks = 3
    if found := re.match(r"(encoder|decoder)\.mid_block\.attentions\.0\.(.*)", key):
        shaped = tensor[..., None, None] if tensor.ndim == 2 else tensor
        return f"{found[1]}.mid.attn_1.{renamed(found[2], ATTENTION)}", shaped
    key = re.sub(r"mid_block\.resnets\.(\d+)", lambda it: f"mid.block_{int(it[1]) + 1}", key)
    key = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", key)
    key = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda it: f"up.{blocks - int(it[1])}.block.{it[2]}", key)
    key = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda it: f"up.{blocks - int(it[1])}.upsample", key)
    return key.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out"), tensor


def control_net(module: Any, path: Path, prefix: str = "") -> None:
    """Write a ControlNet in the layout of its original files: alone, or with the prefix of a whole checkpoint."""
    layers = int(module.config.layers_per_block) + 1

    def original(key: str) -> str:
        if found := re.match(r"controlnet_down_blocks\.(\d+)\.(.*)", key):
            return f"zero_convs.{found[1]}.0.{found[2]}"
        if found := re.match(r"controlnet_cond_embedding\.blocks\.(\d+)\.(.*)", key):
            return f"input_hint_block.{2 * int(found[1]) + 2}.{found[2]}"
        return unet(renamed(key, CONTROL), layers)

    save_file({prefix + original(key): tensor.half().contiguous() for key, tensor in weights(module)}, path)


CONTROL = {
    "controlnet_mid_block": "middle_block_out.0",
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
    "controlnet_cond_embedding.conv_out": "input_hint_block.14",
}


def open_clip(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """A text encoder as OpenCLIP names it, query, key and value in one tensor."""
    made: dict[str, Tensor] = {}
    names = {
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.final_layer_norm.weight": "ln_final.weight",
        "text_model.final_layer_norm.bias": "ln_final.bias",
    }
    parts = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    parts |= {"self_attn.out_proj": "attn.out_proj"}
    for key, tensor in tensors.items():
        if key in names:
            made[names[key]] = tensor
        elif key == "text_projection.weight":
            made["text_projection"] = tensor.T
        elif found := re.match(r"text_model\.encoder\.layers\.(\d+)\.(.*)", key):
            if "q_proj" in key:
                three = [tensors[key.replace("q_proj", f"{one}_proj")] for one in "qkv"]
                made[f"transformer.resblocks.{found[1]}.attn.in_proj_{key.rpartition('.')[2]}"] = torch.cat(three)
            elif "k_proj" not in key and "v_proj" not in key:
                made[f"transformer.resblocks.{found[1]}.{renamed(found[2], parts)}"] = tensor
    return {f"{prefix}{key}": tensor for key, tensor in made.items()}


def renamed(key: str, names: dict[str, str]) -> str:
    """A name with the part that has another one exchanged."""
    for ours, original in names.items():
        if key == ours or key.startswith(f"{ours}."):
            return original + key[len(ours) :]
    return key


def alike(one: Tensor, other: Tensor) -> bool:
    """Whether latents of the same weights, read from two layouts, agree. Where a file's weights lie in memory decides
    the last bits of a product."""
    return float((one - other).abs().max()) <= 1e-4 * float(other.abs().max())
