"""The memory planner: how a model is kept, by what it weighs and what is free. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from studio.errors import ModelUnavailable

GIB = 2**30
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "fp8": 1, "int8": 1, "nf4": 0.5625}
"""That a number takes; of 4 bits with a scale of 4 bytes for every 64."""
LARGE = 1_000_000_000
"""Text encoders with more parameters than this are kept in bf16, as they are published."""
WORKING = {"cpu": 1.0 * GIB, "cuda": 2.5 * GIB, "mps": 2.0 * GIB}
"""What painting takes beside the weights: latents, activations of a large picture, its decode."""
AUTO, WHOLE, ASIDE, SMALL, STREAMED = "auto", "whole", "aside", "fp8", "streamed"
INTEGERS, FOUR_BITS = "int8", "nf4"
ASKED = (INTEGERS, FOUR_BITS)
"""Only where they are asked for: they need torchao and bitsandbytes, and leave convolutions as they are, so they are
for transformers."""
PLANS = (AUTO, WHOLE, ASIDE, SMALL, *ASKED, STREAMED)
QUANTIZED = (SMALL, *ASKED)
ORDER = {"cpu": (WHOLE, SMALL), "mps": (WHOLE, SMALL), "cuda": (WHOLE, ASIDE, SMALL, STREAMED)}
"""From the fastest to the leanest, for each kind of device."""
STREAMED_SHARE = 0.1
"""How much of a streamed module is on the device at once."""


@dataclass(frozen=True)
class Weights:
    """Parameters of a model's parts."""

    denoiser: int
    encoders: Mapping[str, int] = field(default_factory=dict)
    """By the name of the part."""
    vae: int = 0
    quantized: int = 0
    """Bytes of a denoiser that is quantized in its file; 0 for one that is not."""

    def held(self, plan: str, precision: str) -> int:
        """Bytes of the device's memory that its weights take under a plan."""
        each = BYTES[plan if plan in QUANTIZED else precision]
        denoiser = self.quantized or int(self.denoiser * each)
        encoders = sum(size * BYTES[encoder_precision(size)] for size in self.encoders.values())
        if plan == STREAMED:
            denoiser = int(denoiser * STREAMED_SHARE)
        if plan in (ASIDE, *QUANTIZED, STREAMED):
            encoders = int(encoders * STREAMED_SHARE)
        return int(denoiser + encoders + self.vae * BYTES["fp32"])


@dataclass(frozen=True)
class Plan:
    """How a model is kept, and why in a line."""

    name: str
    sentence: str


SAYS: Mapping[str, str] = {
    WHOLE: "all of it on the {device} in {precision}",
    ASIDE: "the text encoders beside, brought to the {device} layer by layer when words are read",
    SMALL: "the denoiser's weights in 8 bits, computed in {precision}",
    INTEGERS: "the denoiser's linear layers as 8-bit integers, computed in {precision}",
    FOUR_BITS: "the denoiser's linear layers in 4 bits (NF4), computed in {precision}",
    STREAMED: "brought to the {device} layer by layer, which is slow",
}


def encoder_precision(parameters: int) -> str:
    """The precision a text encoder of that many parameters is kept in."""
    return "bf16" if parameters > LARGE else "fp32"


def choose(
    weights: Weights, device: str, precision: str, free: int, asked: str = AUTO, not_before: str = WHOLE
) -> Plan:
    """The fastest plan that fits into ``free`` bytes; the one that was ``asked`` for, whether it fits or
    not. ``not_before`` leaves out the faster ones, after they did not fit in practice.

    Raises:
        ModelUnavailable: if the leanest does not fit into a memory that nothing can be streamed from,
            or the plan that was asked for is none of this device's.
    """
    order = ORDER.get(device, ORDER["cpu"])
    if asked != AUTO:
        if asked not in (offered := (*order, *ASKED)):
            raise ModelUnavailable(
                f"The memory plan on {device} is one of {', '.join((AUTO, *offered))}; not {asked!r}."
            )
        return _plan(asked, weights, device, precision, free, "as asked for")
    left = order[order.index(not_before) :] if not_before in order else order[-1:]
    if weights.quantized:
        left = tuple(name for name in left if name != SMALL) or order[:1]
    for name in left:
        if weights.held(name, precision) + WORKING.get(device, GIB) <= free:
            return _plan(name, weights, device, precision, free)
    if left[-1] == STREAMED:
        return _plan(STREAMED, weights, device, precision, free)
    need = weights.held(left[-1], precision) + WORKING.get(device, GIB)
    raise ModelUnavailable(
        f"This model needs about {need / GIB:.1f} GB of memory and {free / GIB:.1f} GB are free: close other "
        "programs, or choose a smaller model."
    )


def leaner(plan: str, device: str) -> str | None:
    """The next plan after one that was not enough; None after the leanest."""
    order, plan = ORDER.get(device, ORDER["cpu"]), SMALL if plan in ASKED else plan
    after = order[order.index(plan) + 1 :] if plan in order else ()
    return after[0] if after else None


def _plan(name: str, weights: Weights, device: str, precision: str, free: int, why: str = "") -> Plan:
    says = SAYS[name].format(
        device={"cpu": "CPU", "cuda": "GPU", "mps": "GPU"}.get(device, device), precision=precision
    )
    held = weights.held(name, precision) / GIB
    if weights.quantized:
        says += ", the denoiser quantized as in its file"
    return Plan(name, f"{says}: {held:.1f} GB of weights, {why or f'{free / GIB:.1f} GB were free'}")
