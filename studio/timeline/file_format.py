"""Steps as one safetensors file: tensors and JPEGs as its entries, everything else as JSON in its header.

No pickle, no code: reading a file can give steps or a ``UnreadableRun``, nothing else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from studio.contact_sheet import grid
from studio.diffusion.denoised import NoiseLevel
from studio.diffusion.preview import LONGEST_SIDE
from studio.diffusion.snapshot import SCALARS, Snapshot
from studio.durable import whole
from studio.errors import UnreadablePicture, UnreadableRun
from studio.timeline.animation import size_of
from studio.timeline.record import RecordedStep

VERSION = 1
HEADER = "stepwise"
"""The key of the header's metadata that the JSON is under."""
CHANNELS_LAST = ".nhwc"
"""Ends the name of a tensor (N, C, h, w) that lies in memory, and in the file, as (N, h, w, C): what convolutions
make of it depends on that in the last bits, and a branch of a saved run has the same ones."""
PICTURE = "picture."
"""Before the SHA-256 of a picture that the run's request names."""
MOST_STEPS = 1_000
LONGEST_HEADER = 3 * 2**20
"""Bytes: 1,000 steps take a third of it."""
LARGEST_PICTURE = 16_000_000
BROKEN = "This file is broken or no Stepwise run: it may not have been copied whole."
Decode = Callable[[Tensor], Tensor]


class _Tensors:
    """Names tensors for the file; one that is shared is stored once."""

    def __init__(self) -> None:
        self.named: dict[str, Tensor] = {}
        self._names: dict[tuple[int, torch.Size, tuple[int, ...]], str] = {}
        self._storages: set[int] = set()

    def name(self, tensor: Tensor) -> str:
        key = tensor.data_ptr(), tensor.shape, tensor.stride()
        if key not in self._names:
            name, storage = f"t{len(self.named)}", tensor.untyped_storage()
            if tensor.dim() == 4 and not tensor.is_contiguous():
                name, tensor = name + CHANNELS_LAST, tensor.permute(0, 2, 3, 1)
            # A copy where the memory is not its own: safetensors refuses views that overlap. Latents packed into
            # tokens and the same ones unpacked may be two views of one memory.
            own = storage.nbytes() == tensor.nbytes and storage.data_ptr() not in self._storages
            self._storages.add(storage.data_ptr())
            self.named[name] = tensor.contiguous() if own else tensor.clone(memory_format=torch.contiguous_format)
            self._names[key] = name
        return self._names[key]

    def packed(self, value: Any) -> Any:
        """A scheduler's value as JSON."""
        if isinstance(value, Tensor):
            return {"tensor": self.name(value)}
        return [self.packed(item) for item in value] if isinstance(value, list) else value


def write(
    path: Path, steps: Sequence[RecordedStep], about: Mapping[str, Any], pictures: Mapping[str, bytes] | None = None
) -> None:
    """Write steps, what there is to say ``about`` them (JSON), and the PNGs that belong to them by
    their names, whole or not at all.

    Raises:
        OSError: if it could not be written.
    """
    tensors = _Tensors()
    told = [_packed(step, tensors) for step in steps]
    for number, step in enumerate(steps):
        for name, jpeg in step.pictures.items():
            tensors.named[f"{number}.{name}"] = torch.frombuffer(bytearray(jpeg), dtype=torch.uint8)
    for name, png in (pictures or {}).items():
        tensors.named[PICTURE + name] = torch.frombuffer(bytearray(png), dtype=torch.uint8)
    header = json.dumps({"version": VERSION, "steps": told, **about}, ensure_ascii=False, allow_nan=True)
    with whole(path) as partial:
        try:
            save_file(tensors.named, partial, {HEADER: header})
        except SafetensorError as error:
            raise OSError(str(error)) from error


def _packed(step: RecordedStep, tensors: _Tensors) -> dict[str, Any]:
    after = step.after
    return {
        "timestep": step.timestep,
        "alpha": step.level.alpha,
        "sigma": step.level.sigma,
        "cfg_scale": step.cfg_scale,
        "noisy": tensors.name(step.noisy),
        "denoised": tensors.name(step.denoised),
        "guidance": None if step.guidance is None else tensors.name(step.guidance),
        "latents": tensors.name(after.latents),
        "noise": [tensors.name(state) for state in after.noise],
        "scheduler": {name: tensors.packed(value) for name, value in after.scheduler.items()},
    }


def read(path: Path, decode: Decode) -> tuple[list[RecordedStep], dict[str, Any], dict[str, bytes]]:
    """The steps of a file, what it says about them, and the PNGs that belong to them, by name.

    Raises:
        UnreadableRun: if it is truncated, of another version, or not such a file at all.
    """
    try:
        _check_header(path)
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})[HEADER])
            if about.pop("version") != VERSION:
                raise UnreadableRun("This run was saved by another version of Stepwise, which this one cannot read.")
            told = about.pop("steps")
            if not isinstance(told, list) or not len(told) <= MOST_STEPS:
                raise UnreadableRun(BROKEN)
            tensors = {name: _laid_out(name, file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            pictures = {name: tensors[name].numpy().tobytes() for name in tensors if name.startswith(PICTURE)}
            stored = _pictures(tensors)
            steps = [_unpacked(step, tensors, stored.get(str(at), {}), decode) for at, step in enumerate(told)]
            return steps, about, {name.removeprefix(PICTURE): png for name, png in pictures.items()}
    except UnreadableRun:
        raise
    except Exception as error:  # whatever a file that somebody made can cause means the same
        raise UnreadableRun(BROKEN) from error


def _laid_out(name: str, tensor: Tensor) -> Tensor:
    return tensor.permute(0, 3, 1, 2) if name.endswith(CHANNELS_LAST) else tensor


def _check_header(path: Path) -> None:
    """The library reads headers of 100 MB, which as Python's values would take gigabytes."""
    with path.open("rb") as file:
        if int.from_bytes(file.read(8), "little") > LONGEST_HEADER:
            raise UnreadableRun(BROKEN)


def _pictures(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, bytes]]:
    """The bytes that may be pictures of steps, by the step's number and by what they show."""
    found: dict[str, dict[str, bytes]] = {}
    for name, tensor in tensors.items():
        number, _, view = name.partition(".")
        if number.isdecimal() and tensor.dtype == torch.uint8 and tensor.nbytes <= LARGEST_PICTURE:
            found.setdefault(number, {})[view] = tensor.numpy().tobytes()
    return found


def _is_preview(picture: bytes, count: int) -> bool:
    """Whether it is a JPEG no larger than ``preview.jpeg`` makes of so many pictures; one that is larger is left
    out, and made anew from the latents when it is asked for."""
    try:
        width, height = size_of(picture)
    except UnreadablePicture:
        return False
    columns, rows = grid(count)
    return width <= columns * LONGEST_SIDE and height <= rows * LONGEST_SIDE


def _unpacked(
    told: dict[str, Any], tensors: Mapping[str, Tensor], pictures: Mapping[str, bytes], decode: Decode
) -> RecordedStep:
    noisy = _latents(tensors[told["noisy"]])
    guidance = None if told["guidance"] is None else _latents(tensors[told["guidance"]], noisy)
    noise = tuple(tensors[name] for name in told["noise"])
    for state in noise:
        torch.Generator("cpu").set_state(state)  # refuses what is no state
    latents = _maybe_packed(tensors[told["latents"]], noisy)
    scheduler = {str(name): _value(value, tensors, latents) for name, value in told["scheduler"].items()}
    return RecordedStep(
        timestep=_finite(told["timestep"]),
        level=NoiseLevel(_finite(told["alpha"]), _finite(told["sigma"])),
        cfg_scale=_finite(told["cfg_scale"]),
        noisy=noisy,
        denoised=_latents(tensors[told["denoised"]], noisy),
        guidance=guidance,
        after=Snapshot(latents, scheduler, noise),
        decode=decode,
        pictures={name: picture for name, picture in pictures.items() if _is_preview(picture, len(noisy))},
    )


def _finite(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)


def _latents(tensor: Tensor, like: Tensor | None = None) -> Tensor:
    if not tensor.is_floating_point() or (like is not None and tensor.shape != like.shape):
        raise ValueError("not latents")
    return tensor


def _maybe_packed(tensor: Tensor, like: Tensor) -> Tensor:
    """Latents as their scheduler has them: transformers' are packed into tokens, as many numbers in another shape."""
    if len(tensor) != len(like) or tensor.numel() != like.numel():
        raise ValueError("not latents")
    return _latents(tensor)


def _value(value: Any, tensors: Mapping[str, Tensor], like: Tensor) -> Any:
    """A value of a scheduler's; its tensors are latents, or smaller: larger ones would make what they meet grow."""
    if isinstance(value, dict):
        tensor = tensors[value["tensor"]]
        if tensor.shape != like.shape and tensor.numel() > MOST_STEPS:
            raise ValueError("not a scheduler's")
        return tensor
    if isinstance(value, list):
        return [_value(item, tensors, like) for item in value]
    if not isinstance(value, SCALARS):
        raise ValueError("no value of a scheduler")
    return value
