"""Making modules beside a thread that paints.

Libraries make models without memory for their weights by patching PyTorch for the whole process while they do
(accelerate's ``init_empty_weights``): a module that another thread made at that moment would have none, either. They
also change PyTorch's default precision for that while, in which everything another thread makes then would be.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import transformers.modeling_utils
from diffusers import ModelMixin

_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def making(wait: bool = True) -> Iterator[bool]:
    """Inside, modules may be made: loaded, or given LoRAs. One thread at a time; who does not ``wait`` for
    another one gets False instead, and may make none. PyTorch's default precision stays what it is, so that
    modules may come out of it in fp32 that were asked for in half of it."""
    if not _ONE_AT_A_TIME.acquire(blocking=wait):
        yield False
        return
    try:
        change, context = vars(ModelMixin)["_set_default_torch_dtype"], transformers.modeling_utils.local_torch_dtype
        ModelMixin._set_default_torch_dtype = staticmethod(_unchanged)
        transformers.modeling_utils.local_torch_dtype = _nothing  # type: ignore[assignment]
        try:
            yield True
        finally:
            ModelMixin._set_default_torch_dtype = change
            transformers.modeling_utils.local_torch_dtype = context  # type: ignore[assignment]
    finally:
        _ONE_AT_A_TIME.release()


def _unchanged(_: torch.dtype) -> torch.dtype:
    return torch.get_default_dtype()


def _nothing(*_: Any, **__: Any) -> Any:
    return nullcontext()
