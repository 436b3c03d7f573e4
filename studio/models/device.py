"""Where and in which precision a model runs, and by which attention: chosen once, and said."""

from dataclasses import dataclass

import torch

from studio.errors import ModelUnavailable

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Placement:
    """Device, precision of the denoiser, and attention in use."""

    device: torch.device
    precision: str
    attention: str

    @property
    def dtype(self) -> torch.dtype:
        """The denoiser's dtype; latents and samplers always stay in fp32."""
        return PRECISIONS[self.precision]

    def settle(self) -> None:
        """Wait for what was asked of the device, so that a clock read next is honest."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def __str__(self) -> str:
        return f"{self.device.type} · {self.precision} · {self.attention}"


def choose(device: str = "auto", precision: str = "auto") -> Placement:
    """The placement asked for, or the best that is there.

    Raises:
        ModelUnavailable: for a device or precision this machine does not have.
    """
    place = _device(device)
    if precision != "auto" and precision not in PRECISIONS:
        raise ModelUnavailable(f"Precision is one of auto, {', '.join(PRECISIONS)}; not {precision!r}.")
    return Placement(place, precision if precision != "auto" else _precision(place), _attention(place))


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(name.split(":")[0], False):
        raise ModelUnavailable(f"This machine has no device {name!r}: try --device auto.")
    return torch.device(name)


def _precision(device: torch.device) -> str:
    """bf16 where the device computes in it, fp16 on older GPUs, fp32 elsewhere. It follows from
    the hardware alone, never from a timing, so that a machine always makes the same picture."""
    if computes_in_bf16(device):
        return "bf16"
    return "fp32" if device.type == "cpu" else "fp16"


def computes_in_bf16(device: torch.device) -> bool:
    """Whether the hardware has instructions for bf16; emulated, it is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def _attention(device: torch.device) -> str:
    """xformers where its CUDA kernels load, PyTorch's own fused attention everywhere else."""
    if device.type != "cuda":
        return "sdpa"
    try:
        import xformers.ops as operators

        query = torch.randn(1, 16, 1, 64, device=device, dtype=torch.float16)
        operators.memory_efficient_attention(query, query, query)
    except Exception:  # an extension built for another torch fails in many ways; all mean: not usable
        return "sdpa"
    return "xformers"
