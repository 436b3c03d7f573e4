"""Transformers' tensors under the names that their makers' files have, as ComfyUI and others hand them out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

Rules = tuple[tuple[str, str], ...]
"""Beginnings of diffusers' names and of the original ones; "#" is a number. Of several that become one name the
tensors stand one below the other there, in the order of the rules."""


def _both(ours: str, theirs: str, ends: Mapping[str, str]) -> Rules:
    return tuple((ours + end, theirs + other) for end, other in ends.items())


def _three(ours: str, names: str, theirs: str) -> Rules:
    return tuple((f"{ours}{names.format(one)}.", theirs) for one in "qkv")


def _double(block: str, side: str, norm: str, names: str, out: str) -> Rules:
    """The attention of one side of a FLUX block."""
    ours, theirs = f"{block}.#.attn.", f"double_blocks.#.{side}_attn."
    norms = {f"{norm}q.weight": "norm.query_norm.scale", f"{norm}k.weight": "norm.key_norm.scale"}
    return _three(ours, names, f"{theirs}qkv.") + _both(ours, theirs, norms | {f"{out}.": "proj."})


_BLOCK, _SINGLE = "transformer_blocks", "single_transformer_blocks.#."
_BLACK_FOREST: Rules = (
    *_double(_BLOCK, "img", "norm_", "to_{}", "to_out.0"),
    *_double(_BLOCK, "txt", "norm_added_", "add_{}_proj", "to_add_out"),
    *_both(
        f"{_SINGLE}attn.",
        "single_blocks.#.norm.",
        {"norm_q.weight": "query_norm.scale", "norm_k.weight": "key_norm.scale"},
    ),
    ("context_embedder.", "txt_in."),
    ("x_embedder.", "img_in."),
    ("proj_out.", "final_layer.linear."),
    ("norm_out.linear.", "final_layer.adaLN_modulation.1."),
)
FLUX: Rules = (
    *_BLACK_FOREST,
    *_both("time_text_embed.timestep_embedder.", "time_in.", {"linear_1.": "in_layer.", "linear_2.": "out_layer."}),
    *_both("time_text_embed.guidance_embedder.", "guidance_in.", {"linear_1.": "in_layer.", "linear_2.": "out_layer."}),
    *_both("time_text_embed.text_embedder.", "vector_in.", {"linear_1.": "in_layer.", "linear_2.": "out_layer."}),
    *_both(
        f"{_BLOCK}.#.", "double_blocks.#.", {"norm1.linear.": "img_mod.lin.", "norm1_context.linear.": "txt_mod.lin."}
    ),
    *_both(f"{_BLOCK}.#.ff.net.", "double_blocks.#.img_mlp.", {"0.proj.": "0.", "2.": "2."}),
    *_both(f"{_BLOCK}.#.ff_context.net.", "double_blocks.#.txt_mlp.", {"0.proj.": "0.", "2.": "2."}),
    *_three(f"{_SINGLE}attn.", "to_{}", "single_blocks.#.linear1."),
    *_both(
        _SINGLE,
        "single_blocks.#.",
        {"proj_mlp.": "linear1.", "proj_out.": "linear2.", "norm.linear.": "modulation.lin."},
    ),
    *_both("distilled_guidance_layer.layers.#.", "distilled_guidance_layer.layers.#.", {"linear_1.": "in_layer."}),
    *_both("distilled_guidance_layer.layers.#.", "distilled_guidance_layer.layers.#.", {"linear_2.": "out_layer."}),
    ("distilled_guidance_layer.norms.#.weight", "distilled_guidance_layer.norms.#.scale"),
)
FLUX2: Rules = (
    *_BLACK_FOREST,
    *_both("time_guidance_embed.timestep_embedder.", "time_in.", {"linear_1.": "in_layer.", "linear_2.": "out_layer."}),
    *((f"{one}.linear.", f"{one}.lin.") for one in ("double_stream_modulation_img", "double_stream_modulation_txt")),
    ("single_stream_modulation.linear.", "single_stream_modulation.lin."),
    *_both(f"{_BLOCK}.#.ff.", "double_blocks.#.img_mlp.", {"linear_in.": "0.", "linear_out.": "2."}),
    *_both(f"{_BLOCK}.#.ff_context.", "double_blocks.#.txt_mlp.", {"linear_in.": "0.", "linear_out.": "2."}),
    *_both(f"{_SINGLE}attn.", "single_blocks.#.", {"to_qkv_mlp_proj.": "linear1.", "to_out.": "linear2."}),
)
Z_IMAGE: Rules = (
    ("all_final_layer.2-1.", "final_layer."),
    ("all_x_embedder.2-1.", "x_embedder."),
    *(
        rule
        for part in ("layers.#.attention.", "noise_refiner.#.attention.", "context_refiner.#.attention.")
        for rule in (
            *_three(part, "to_{}", f"{part}qkv."),
            *_both(part, part, {"to_out.0.": "out.", "norm_q.": "q_norm.", "norm_k.": "k_norm."}),
        )
    ),
)
_X, _CONTEXT = "joint_blocks.#.x_block.", "joint_blocks.#.context_block."
SD3: Rules = (
    ("pos_embed.pos_embed", "pos_embed"),
    ("pos_embed.proj.", "x_embedder.proj."),
    *_both("time_text_embed.timestep_embedder.", "t_embedder.mlp.", {"linear_1.": "0.", "linear_2.": "2."}),
    *_both("time_text_embed.text_embedder.", "y_embedder.mlp.", {"linear_1.": "0.", "linear_2.": "2."}),
    *_three(f"{_BLOCK}.#.attn.", "to_{}", f"{_X}attn.qkv."),
    *_three(f"{_BLOCK}.#.attn2.", "to_{}", f"{_X}attn2.qkv."),
    *_three(f"{_BLOCK}.#.attn.", "add_{}_proj", f"{_CONTEXT}attn.qkv."),
    *_both(f"{_BLOCK}.#.attn.", f"{_X}attn.", {"norm_q.": "ln_q.", "norm_k.": "ln_k.", "to_out.0.": "proj."}),
    *_both(f"{_BLOCK}.#.attn2.", f"{_X}attn2.", {"norm_q.": "ln_q.", "norm_k.": "ln_k.", "to_out.0.": "proj."}),
    *_both(
        f"{_BLOCK}.#.attn.",
        f"{_CONTEXT}attn.",
        {"norm_added_q.": "ln_q.", "norm_added_k.": "ln_k.", "to_add_out.": "proj."},
    ),
    (f"{_BLOCK}.#.norm1.linear.", f"{_X}adaLN_modulation.1."),
    (f"{_BLOCK}.#.norm1_context.linear.", f"{_CONTEXT}adaLN_modulation.1."),
    *_both(f"{_BLOCK}.#.ff.net.", f"{_X}mlp.", {"0.proj.": "fc1.", "2.": "fc2."}),
    *_both(f"{_BLOCK}.#.ff_context.net.", f"{_CONTEXT}mlp.", {"0.proj.": "fc1.", "2.": "fc2."}),
    ("proj_out.", "final_layer.linear."),
    ("norm_out.linear.", "final_layer.adaLN_modulation.1."),
)
SANA: Rules = (
    ("patch_embed.proj.", "x_embedder.proj."),
    *_both("time_embed.emb.timestep_embedder.", "t_embedder.mlp.", {"linear_1.": "0.", "linear_2.": "2."}),
    ("time_embed.linear.", "t_block.1."),
    *_both("caption_projection.", "y_embedder.y_proj.", {"linear_1.": "fc1.", "linear_2.": "fc2."}),
    ("caption_norm.", "attention_y_norm."),
    (f"{_BLOCK}.#.scale_shift_table", "blocks.#.scale_shift_table"),
    *_three(f"{_BLOCK}.#.attn1.", "to_{}", "blocks.#.attn.qkv."),
    (f"{_BLOCK}.#.attn1.to_out.0.", "blocks.#.attn.proj."),
    *_both(
        f"{_BLOCK}.#.attn2.",
        "blocks.#.cross_attn.",
        {"to_q.": "q_linear.", "to_k.": "kv_linear.", "to_v.": "kv_linear.", "to_out.0.": "proj."},
    ),
    *_both(
        f"{_BLOCK}.#.ff.conv_",
        "blocks.#.mlp.",
        {"inverted.": "inverted_conv.conv.", "depth.": "depth_conv.conv.", "point.": "point_conv.conv."},
    ),
    ("proj_out.", "final_layer.linear."),
    ("scale_shift_table", "final_layer.scale_shift_table"),
)
SWAPPED = ("final_layer.adaLN_modulation.1.",)
"""Shift and scale stand the other way around there."""


def original(tensors: Mapping[str, Tensor], rules: Rules, swapped: Collection[str] = SWAPPED) -> dict[str, Tensor]:
    """The tensors as their maker's file has them."""
    parts: dict[str, list[tuple[int, Tensor]]] = {}
    for name, tensor in tensors.items():
        at, theirs = _named(name, rules)
        parts.setdefault(theirs, []).append((at, tensor))
    made = {
        name: torch.cat([part for _, part in sorted(those, key=lambda one: one[0])]) for name, those in parts.items()
    }
    return {
        name: torch.cat(tensor.chunk(2)[::-1]) if name.startswith(tuple(swapped)) else tensor
        for name, tensor in made.items()
    }


def _named(name: str, rules: Rules) -> tuple[int, str]:
    for at, (ours, theirs) in enumerate(rules):
        if found := re.match(re.escape(ours).replace(r"\#", r"(\d+)"), name):
            start = theirs.replace("#", found[1]) if found.groups() else theirs
            return at, start + name[found.end() :]
    return 0, name


def sd3(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Stable Diffusion 3 of two layers, the last of which only listens to the words."""
    return original(tensors, SD3, (*SWAPPED, "joint_blocks.1.context_block.adaLN_modulation.1."))


def flux(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """FLUX.1 and Chroma."""
    return original(tensors, FLUX)


def flux2(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """FLUX.2."""
    return original(tensors, FLUX2)


def z_image(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Z-Image; a norm that nothing uses is in its files."""
    return original(tensors, Z_IMAGE, swapped=()) | {"norm_final.weight": torch.ones(32)}


def sana(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Sana; in its files are positions and the words of an empty prompt, too."""
    return original(tensors, SANA) | {"pos_embed": torch.ones(1, 4, 32), "y_embedder.y_embedding": torch.ones(300, 32)}


def qwen_image(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Qwen-Image, whose names are the same everywhere."""
    return dict(tensors)
