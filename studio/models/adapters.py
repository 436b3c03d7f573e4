"""LoRAs on a loaded model: read once, switched on for the calls of the runs that ask for them, off for all others."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from diffusers.utils import set_adapter_layers, set_weights_and_activate_adapters
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from studio.errors import ModelUnavailable, said
from studio.models.families.base import Family
from studio.models.header import read_header
from studio.models.keeping import as_computed
from studio.models.library import Lora
from studio.models.making import making

Active = tuple[tuple[str, float], ...]
"""Adapters and their weights, in order."""
PART = re.compile(r"(?:\.lora_(?:down|A|linear_layer\.down)|[._]lora\.down|\.lora_A\.default)\.weight$")
PREFIX = re.compile(r"^(?:lora_unet_|lora_te\d?_|unet\.|transformer\.|text_encoder(?:_2)?\.|base_model\.model\.)")
MOST_NAMED = 3
MOST_READ = 12
"""LoRAs that a model holds; beyond these the ones used longest ago go."""


class Adapters:
    """The LoRAs of one loaded model. Only the engine's thread uses it."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._notes: dict[str, str] = {}
        """What is to be said of each adapter that was read."""
        self._active: Active = ()

    def prepare(self, loras: Sequence[Lora]) -> tuple[str, ...]:
        """Read the files that are not read yet. What found no place in the model, a sentence for each file.

        Raises:
            ModelUnavailable: if one is of another family, or cannot be read.
        """
        for lora in loras:
            if lora.adapter not in self._notes:
                self._notes[lora.adapter] = self._read(lora)
            self._notes[lora.adapter] = self._notes.pop(lora.adapter)  # used last
        return tuple(note for lora in loras if (note := self._notes[lora.adapter]))

    def ready(self, loras: Sequence[Lora]) -> bool:
        """Whether ``prepare`` would wait for nobody: those that are not read yet are read here, unless another
        thread is making a model just now. What is wrong with one ``prepare`` tells."""
        for lora in loras:
            if lora.adapter not in self._notes:
                with making(wait=False) as free, contextlib.suppress(ModelUnavailable):
                    if not free:
                        return False
                    self._notes[lora.adapter] = self._read(lora)
        return True

    def settle(self, used: Collection[str]) -> None:
        """Let go of those used longest ago that are more than the model shall hold; of those in use none."""
        idle = [adapter for adapter in self._notes if adapter not in used]
        for adapter in idle[: max(len(self._notes) - MOST_READ, 0)]:
            with making():
                self._family.pipeline.delete_adapters(adapter)
            del self._notes[adapter]
            self._all_off()

    def activate(self, wanted: Active) -> None:
        """Have the denoiser compute with these and no others."""
        if wanted != self._active:
            _switch(self._family.denoiser, wanted)
            self._active = wanted

    @contextlib.contextmanager
    def reading(self, loras: Sequence[Lora]) -> Iterator[None]:
        """Inside, the text encoders read with these; they read once, so with the weights that each begins with."""
        begins: dict[str, float] = {}
        for lora in loras:
            begins[lora.adapter] = min(begins.get(lora.adapter, lora.tag.start), lora.tag.start)
        first = (lora for lora in loras if lora.tag.start == begins[lora.adapter])
        wanted = _added((lora.adapter, lora.tag.text_weight) for lora in first)
        if not wanted:
            yield
            return
        try:
            for encoder in self._encoders():
                _switch(encoder, wanted)
            yield
        finally:
            for encoder in self._encoders():
                _switch(encoder, ())

    def _read(self, lora: Lora) -> str:
        pipeline, name = self._family.pipeline, lora.tag.name
        try:
            with making(), as_computed(self._family.denoiser):
                pipeline.load_lora_weights(str(lora.path.parent), weight_name=lora.path.name, adapter_name=lora.adapter)
        except Exception as error:  # the layouts are many, and so are the ways in which a file is none of them
            with contextlib.suppress(Exception):
                pipeline.delete_adapters(lora.adapter)
            raise ModelUnavailable(f"The LoRA {name!r} does not fit this model: {said(error)}") from error
        finally:
            self._all_off()
        return self._unplaced(lora)

    def _all_off(self) -> None:
        """After those that are here became others, which peft would switch on."""
        self._active = ()
        for module in (self._family.denoiser, *self._encoders()):
            _switch(module, ())

    def _unplaced(self, lora: Lora) -> str:
        """A sentence on the parts of a file that no layer of the model took; empty if all were."""
        asked = {PREFIX.sub("", PART.sub("", key)) for key in read_header(lora.path).tensors if PART.search(key)}
        taken = set()
        for module in (self._family.denoiser, *self._encoders()):
            for name, layer in module.named_modules():
                if isinstance(layer, BaseTunerLayer) and lora.adapter in _ranks(layer):
                    taken.add(name.replace(".", "_").removeprefix("text_model_"))
        count = len(asked) - len(taken)
        if count <= 0:
            return ""
        named = [part for part in sorted(asked) if part.replace(".", "_").removeprefix("text_model_") not in taken]
        shown = f": {', '.join(named[:MOST_NAMED])}" if len(named) == count else ""
        return f"{count} of {len(asked)} parts of the LoRA {lora.tag.name!r} found no place in this model{shown}."

    def _encoders(self) -> list[nn.Module]:
        found = (getattr(self._family.pipeline, name, None) for name in ("text_encoder", "text_encoder_2"))
        return [encoder for encoder in found if encoder is not None]


def in_force(loras: Sequence[Lora], share: float) -> Active:
    """Those that act when that share of the steps is done."""
    return _added((lora.adapter, lora.tag.unet_weight) for lora in loras if lora.tag.start <= share < lora.tag.end)


def _added(weights: Iterable[tuple[str, float]]) -> Active:
    """Each adapter once: asked for twice, by a style and by the prompt, it acts with both weights together."""
    added: dict[str, float] = {}
    for adapter, weight in weights:
        added[adapter] = added.get(adapter, 0.0) + weight
    return tuple(added.items())


def _switch(module: Any, wanted: Active) -> None:
    """Have a module's layers compute with these adapters; without any, as if they had none."""
    here = {name for layer in module.modules() if isinstance(layer, BaseTunerLayer) for name in _ranks(layer)}
    wanted = tuple(pair for pair in wanted if pair[0] in here)
    if wanted:
        names, weights = (list(each) for each in zip(*wanted, strict=True))
        set_weights_and_activate_adapters(module, names, weights)
    if here:
        set_adapter_layers(module, enabled=bool(wanted))


def _ranks(layer: Any) -> dict[str, int]:
    found: dict[str, int] = getattr(layer, "r", {})
    return found
