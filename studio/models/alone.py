"""Transformers in files of their own: which family one is of, told by the names of its layers, the original ones or
diffusers'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from studio.models.header import Header

T = TypeVar("T")
DENOISER_KEYS = ("model.diffusion_model.", "diffusion_model.")
"""What stands before the names of a denoiser's layers in a file that may hold other parts as well."""
_MARKS: tuple[tuple[str, frozenset[str]], ...] = (
    ("SD 3", frozenset({"joint_blocks.0.context_block.adaLN_modulation.1.bias"})),
    ("SD 3", frozenset({"pos_embed.pos_embed", "transformer_blocks.0.norm1_context.linear.weight"})),
    (
        "FLUX.1",
        frozenset({"single_transformer_blocks.0.proj_mlp.weight", "time_text_embed.text_embedder.linear_1.bias"}),
    ),
    ("FLUX.2", frozenset({"single_stream_modulation.linear.weight"})),
    ("Qwen-Image-Layered", frozenset({"txt_norm.weight", "time_text_embed.addition_t_embedding.weight"})),
    ("Qwen-Image", frozenset({"txt_norm.weight", "transformer_blocks.0.img_mod.1.weight"})),
    ("Sana", frozenset({"caption_norm.weight", "transformer_blocks.0.ff.conv_inverted.weight"})),
    ("PixArt", frozenset({"y_embedder.y_proj.fc1.weight", "blocks.0.mlp.fc1.weight"})),
    ("PixArt", frozenset({"adaln_single.linear.weight", "pos_embed.proj.weight"})),
)
"""Families, and the layers by which they are known, where diffusers does not know them or asks for the full size."""
_FIRST = ("img_in.weight", "x_embedder.weight")
_BY_CHANNELS = {384: "FLUX.1 Fill", 128: "FLUX.1 Control"}
"""What a FLUX.1 is for, by the channels that its first layer takes."""
_EDITIONS = {("FLUX.1", "kontext"): "FLUX.1 Kontext", ("Qwen-Image", "edit"): "Qwen-Image-Edit"}
"""Families of the same layers, told apart by a word in the file's name."""


def layers(tensors: Mapping[str, T]) -> Mapping[str, T]:
    """The denoiser's tensors of a file, or what is told of them, named as if nothing else were in it."""
    for prefix in DENOISER_KEYS:
        inside = {name.removeprefix(prefix): it for name, it in tensors.items() if name.startswith(prefix)}
        if inside:
            return inside
    return tensors


def bare(header: Header) -> Header:
    """The header of the denoiser alone."""
    return replace(header, tensors=layers(header.tensors))


def family_of_layers(tensors: Mapping[str, object]) -> str:
    """The family of the transformer of such layers; empty where they do not tell."""
    return next((family for family, marks in _MARKS if marks <= tensors.keys()), "")


def purpose(family: str, header: Header) -> str:
    """What a FLUX.1 is more narrowly; any other family as it is."""
    if family != "FLUX.1":
        return family
    shapes = (header.tensors[name].shape for name in _FIRST if name in header.tensors)
    return next((_BY_CHANNELS[shape[1]] for shape in shapes if len(shape) > 1 and shape[1] in _BY_CHANNELS), family)


def edition(family: str, name: str) -> str:
    """What a model of a family is more narrowly, by its file's name."""
    return next((one for (of, word), one in _EDITIONS.items() if of == family and word in name.lower()), family)
