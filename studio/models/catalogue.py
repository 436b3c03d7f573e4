"""Models worth having: the entries of ``presets/models.json`` as values.

What an entry weighs follows from how many weights it has: they were counted from diffusers' and transformers' own
classes at the models' published configurations. On the hub each takes ``stored`` bytes, in memory half precision's two.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from studio.models.family import Kind
from studio.presets import FITTING, PRESETS, Fitting

_IN_MEMORY = 2
"""Bytes a weight takes in bf16 or fp16."""
_TEXTS = ("json", "txt", "model", "jinja")
"""Endings of configurations and vocabularies; the weights are safetensors and nothing else."""


@dataclass(frozen=True)
class Licence:
    """What may be done with a model."""

    id: str
    name: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model that can be downloaded from the hub."""

    title: str
    repo: str
    kind: Kind
    family: str
    licence: Licence
    parts: tuple[str, ...] = ()
    """The folders of a pipeline; none for what is a folder or a file by itself."""
    file: str = ""
    """The one file it is."""
    variant: str = ""
    """The edition of the weights that is fetched, and then goes by the plain names: fp16."""
    weights: dict[str, int] = field(default_factory=dict)
    """How many there are in each part, where that is known."""
    stored: int = 0
    """Bytes that each takes on the hub; 0 where parts differ and nobody has added them up."""
    bytes: int = 0
    """What its card says it takes on the hub, where that does not follow from ``stored``."""
    gated: bool = False
    """Whether the hub wants to know who asks."""
    note: str = ""

    @property
    def name(self) -> str:
        """What the library calls it once it is here."""
        return PurePosixPath(self.file or self.repo).stem if self.file else self.repo.split("/")[-1]

    @property
    def download(self) -> int:
        """About how many bytes it is to download; 0 where that is not known before the hub is asked."""
        return self.bytes or self.stored * sum(self.weights.values())

    @property
    def memory(self) -> int:
        """About how many bytes its weights take in half precision, all at once; 0 where that is not known. What is
        computed with them comes on top, and grows with the picture."""
        return _IN_MEMORY * sum(self.weights.values()) or self.bytes

    @property
    def fitting(self) -> Fitting | None:
        """The settings it was made for."""
        return FITTING.get(self.name) or (FITTING.get(self.family) if self.kind == Kind.CHECKPOINT else None)

    @cached_property
    def wanted(self) -> tuple[str, ...]:
        """Patterns of the files it needs, as the hub's library takes them. None lets in anything but safetensors and
        plain text."""
        if self.file:
            return (self.file,)
        ending = f".{self.variant}.safetensors" if self.variant else ".safetensors"
        folders = [f"{part}/" for part in self.parts] or [""]
        texts = [f"{folder}*.{ending}" for folder in folders for ending in _TEXTS]
        cards = ["model_index.json", "README.md", "LICENSE*"]
        return (*cards, *texts, *(f"{folder}*{ending}" for folder in folders))

    @cached_property
    def unwanted(self) -> tuple[str, ...]:
        """Patterns of files that are passed over though they are ``wanted``: other editions of the same weights, and
        what lies in folders of no part of it."""
        others = [f"*.{variant}*" for variant in ("fp16", "bf16", "int4", "non_ema") if variant != self.variant]
        return () if self.file else (*others, *(() if self.parts else ("*/*",)))


def _read() -> dict[str, Entry]:
    read: dict[str, Any] = json.loads((PRESETS / "models.json").read_text(encoding="utf-8"))
    licences = {name: Licence(name, **said) for name, said in read["licences"].items()}
    entries = (
        Entry(**(values | {"kind": Kind(values["kind"]), "licence": licences[values["licence"]]} | _tuples(values)))
        for values in read["models"]
    )
    return {entry.name: entry for entry in entries}


def _tuples(values: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    return {"parts": tuple(values.get("parts", ()))}


CATALOGUE: dict[str, Entry] = _read()
"""Every entry by its name."""
