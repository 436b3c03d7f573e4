"""Joining the model calls of several runs into one forward, and taking the answer apart again.

One general rule, for every denoiser: tensors led by the call's batch size are concatenated, a
scalar timestep is spread over its pictures, and everything else must be equal, or the calls do
not fit. What a denoiser is given as a list with one entry a row is joined as a list.
Joined answers agree with solo ones to about 1e-4 and are never bit-equal.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from studio.diffusion.seams import ModelCall

TIMESTEP = "timestep"
SAMPLE_NAMES = ("sample", "hidden_states", "x")
ROW_LISTS = ("x", "cap_feats", "img_shapes")
"""Arguments that are lists with one entry a row: Z-Image's latents and words, Qwen-Image's sizes."""


def batch_size(call: ModelCall) -> int:
    """How many rows the call's sample has."""
    return len(_sample(call))


def listed(call: ModelCall) -> bool:
    """Whether its sample is a list, and so is the answer."""
    return isinstance(_sample(call), list)


def _sample(call: ModelCall) -> Any:
    return next(call.arguments[name] for name in SAMPLE_NAMES if name in call.arguments)


def fit_key(call: ModelCall) -> Hashable:
    """Calls with equal keys can be joined."""
    rows = batch_size(call)
    leaves, shape = _flat(call)
    keys = tuple(_leaf_key(leaf, rows) for leaf in leaves)
    lists = tuple(frozenset(map(_entry_key, call.arguments[name])) for name in _lists(call))
    return (id(call.module), TIMESTEP in call.arguments, str(shape), keys, _lists(call), lists)


def _lists(call: ModelCall) -> tuple[str, ...]:
    return tuple(name for name in ROW_LISTS if isinstance(call.arguments.get(name), list))


def _entry_key(entry: Any) -> Hashable:
    """Of a row's own tensor the first side may differ from row to row: so long are its words."""
    return (tuple(entry.shape[1:]), entry.dtype, entry.device) if isinstance(entry, Tensor) else repr(entry)


def _flat(call: ModelCall) -> tuple[list[Any], pytree.TreeSpec]:
    """Everything but the timestep and what is a list by rows."""
    names = sorted(call.arguments.keys() - {TIMESTEP, *_lists(call)})
    return pytree.tree_flatten({name: call.arguments[name] for name in names})


def _leaf_key(leaf: Any, rows: int) -> Hashable:
    if not isinstance(leaf, Tensor):
        return (type(leaf).__name__, repr(leaf))
    if leaf.dim() and leaf.shape[0] == rows:
        return ("rows", tuple(leaf.shape[1:]), leaf.dtype, leaf.device)
    content = leaf.detach().cpu().flatten().contiguous().view(torch.uint8).numpy().tobytes()
    return ("equal", tuple(leaf.shape), leaf.dtype, content)


def join(calls: Sequence[ModelCall]) -> dict[str, Any]:
    """The arguments of one forward for calls that fit; a single call's are left as they are."""
    if len(calls) == 1:
        return calls[0].arguments
    sizes = [batch_size(call) for call in calls]
    flat = [_flat(call) for call in calls]
    columns = zip(*(leaves for leaves, _ in flat), strict=True)
    arguments: dict[str, Any] = pytree.tree_unflatten([_concatenate(column, sizes) for column in columns], flat[0][1])
    for name in _lists(calls[0]):
        arguments[name] = [entry for call in calls for entry in call.arguments[name]]
    if TIMESTEP in calls[0].arguments:
        arguments[TIMESTEP] = _spread([call.arguments[TIMESTEP] for call in calls], sizes, calls[0])
    return arguments


def _spread(timesteps: Sequence[Any], sizes: Sequence[int], call: ModelCall) -> Tensor:
    device = _sample(call).device
    parts = [torch.as_tensor(timestep, dtype=torch.float32, device=device) for timestep in timesteps]
    # Some films have a timestep for every token; those are spread over pictures already.
    return torch.cat([part if part.dim() > 1 else part.expand(size) for part, size in zip(parts, sizes, strict=True)])


def _concatenate(column: Sequence[Any], sizes: Sequence[int]) -> Any:
    first = column[0]
    if isinstance(first, Tensor) and first.dim() and first.shape[0] == sizes[0]:
        return torch.cat(list(column))
    return first


def split(answer: Any, sizes: Sequence[int], listed: bool = False) -> list[Any]:
    """The answer of a joined forward, one for each call; ``listed`` if its first part is a list by rows."""
    if len(sizes) == 1:
        return [answer]
    if listed:
        rows = iter(answer[0])
        return [([next(rows) for _ in range(size)],) for size in sizes]
    leaves, shape = pytree.tree_flatten(answer)
    columns = [leaf.split(list(sizes)) if isinstance(leaf, Tensor) else [leaf] * len(sizes) for leaf in leaves]
    return [pytree.tree_unflatten([column[index] for column in columns], shape) for index in range(len(sizes))]
