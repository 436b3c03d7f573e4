"""Where a loaded model's parts are kept, as its memory plan says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.hooks import apply_group_offloading
from torch import nn

from studio.errors import ModelUnavailable
from studio.models.device import Placement
from studio.models.families.base import Family
from studio.models.making import making
from studio.models.memory import ASIDE, FOUR_BITS, INTEGERS, QUANTIZED, SMALL, STREAMED, WHOLE, Plan

STORED = torch.float8_e4m3fn
"""Of weights in 8 bits: four bits of exponent, three of mantissa."""


def place(family: Family, placement: Placement, plan: Plan) -> None:
    """Put the parts of a family's pipeline where the plan has them, the denoiser in its precision."""
    pipeline = family.pipeline
    for name, part in pipeline.components.items():
        if not isinstance(part, nn.Module):
            continue
        if part is family.denoiser:
            _place_denoiser(part, placement, plan)
        elif name.startswith("text_encoder") and plan.name in (ASIDE, *QUANTIZED, STREAMED):
            _stream(part, placement)
        else:
            _bring(part, placement)
    if plan.name != WHOLE:
        slim(family.vae)


def slim(vae: Any) -> None:
    """Have an autoencoder take a large picture in parts."""
    for lean in ("enable_tiling", "enable_slicing"):
        getattr(vae, lean, lambda: None)()


def _place_denoiser(module: Any, placement: Placement, plan: Plan) -> None:
    prepare(module, placement)
    if plan.name == SMALL and not is_quantized(module):
        module.enable_layerwise_casting(storage_dtype=STORED, compute_dtype=placement.dtype)
    if plan.name == INTEGERS and not is_quantized(module):
        _as_integers(module)
    if plan.name == FOUR_BITS and not is_quantized(module):
        _in_four_bits(module, placement)
    if plan.name == STREAMED:
        _stream(module, placement)
    else:
        _bring(module, placement)


def _bring(module: nn.Module, placement: Placement) -> None:
    if placement.device.type != "cpu":  # where it was read: to walk through it would take its time for nothing
        module.to(placement.device)


@contextmanager
def as_computed(module: Any) -> Iterator[None]:
    """Inside, weights that are stored in 8 bits seem to be of the precision in which they are computed: peft makes a
    LoRA's weights like those of the layer, and nothing computes in these 8 bits."""
    stored = [layer for layer in module.modules() if getattr(getattr(layer, "weight", None), "dtype", None) == STORED]
    weights = [layer.weight for layer in stored]
    for layer, weight in zip(stored, weights, strict=True):
        empty = torch.empty(1, dtype=module.dtype, device=weight.device).expand(weight.shape)  # takes no memory
        layer.weight = nn.Parameter(empty, requires_grad=False)
    try:
        yield
    finally:
        for layer, weight in zip(stored, weights, strict=True):
            layer.weight = weight


def _as_integers(module: nn.Module) -> None:
    """The weights of its linear layers as 8-bit integers, one scale for each of their rows."""
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError:
        raise ModelUnavailable(
            "The memory plan int8 needs torchao: install it with pip install torchao, or choose fp8."
        ) from None
    with making():
        quantize_(module, Int8WeightOnlyConfig())


def _in_four_bits(module: nn.Module, placement: Placement) -> None:
    """The weights of its linear layers as 4-bit normal floats, 64 of them to a scale (Dettmers et al. 2023, "QLoRA",
    https://arxiv.org/abs/2305.14314)."""
    try:
        from bitsandbytes.nn import Linear4bit, Params4bit
    except ImportError:
        raise ModelUnavailable(
            "The memory plan nf4 needs bitsandbytes: install it with pip install bitsandbytes, or choose fp8."
        ) from None
    with making():
        for parent in list(module.modules()):
            for name, layer in parent.named_children():
                if type(layer) is nn.Linear:
                    small = Linear4bit(
                        layer.in_features, layer.out_features, layer.bias is not None, placement.dtype, quant_type="nf4"
                    )
                    small.weight = Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4")
                    small.bias = layer.bias
                    setattr(parent, name, small.to(placement.device))  # which is when it is quantized


def is_quantized(module: Any) -> bool:
    """Whether a module came quantized out of its file."""
    return getattr(module, "hf_quantizer", None) is not None


def prepare(module: Any, placement: Placement) -> None:
    """Precision, memory layout and attention of a denoiser or ControlNet."""
    if not is_quantized(module):  # or it computes in that precision already
        module.to(placement.dtype)
        films = any(weight.dim() == 5 for weight in module.parameters())  # their convolutions have no such layout
        if placement.dtype != torch.float32 and not films:  # in fp32 it gains nothing, and would copy every weight
            module.to(memory_format=torch.channels_last)
    if placement.attention == "xformers":
        module.enable_xformers_memory_efficient_attention()


def _stream(module: nn.Module, placement: Placement) -> None:
    """Bring its layers to the device one by one, each when it is called; on a CPU they are there."""
    if placement.device.type == "cpu":
        return
    apply_group_offloading(
        module,
        onload_device=placement.device,
        offload_device=torch.device("cpu"),
        offload_type="leaf_level",
        use_stream=placement.device.type == "cuda",
    )
