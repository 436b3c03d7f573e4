"""What there is to paint with, in the web UI's words. Where it lies only whoever runs the studio is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.api.payload import Options
from studio import GenerationRequest, Studio
from studio.errors import UnreadableModel
from studio.models.family import Kind
from studio.models.hashes import short, spelt
from studio.models.header import read_header
from studio.models.scan import Found

Rows = list[dict[str, Any]]


class Listing:
    """Over one studio's library and styles."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._library = studio, studio.library

    def models(self) -> dict[str, str]:
        """The hash of every model that can be painted, by its name; empty where it is not known."""
        painted = self._library.painted_as()
        known = {found.path: short(self._library.sha256(found)) for found in self._library.found}
        return {name: known.get(path, "") for path, name in painted.items()}

    def fitted(self, model: str) -> GenerationRequest:
        """The settings that a model was made for, and of one that nobody knows its size."""
        fitting, side = self._library.fitting(model), self._library.native_side(model)
        if fitting is None:
            return GenerationRequest(model=model, width=side, height=side)
        return GenerationRequest(
            model=model,
            sampler=fitting.sampler,
            schedule=fitting.schedule,
            steps=fitting.steps,
            cfg_scale=fitting.cfg_scale,
            distilled_cfg_scale=fitting.distilled_cfg_scale,
            width=side,
            height=side,
            frames=fitting.frames or 1,
            fps=fitting.fps,
            seconds=fitting.seconds,
        )

    def title(self, options: Options) -> str:
        """The chosen model, as ``checkpoints`` calls it."""
        return _title(options.model, self.models().get(options.model, ""))

    def checkpoints(self, owner: bool) -> Rows:
        """The models."""
        hashes, paths = self.models(), {name: path for path, name in self._library.painted_as().items()}
        found = {each.path: self._library.sha256(each) for each in self._library.found} if owner else {}
        return [
            {
                "title": _title(name, known),
                "model_name": name,
                "hash": known or None,
                "sha256": found.get(paths[name]) or None,
                "filename": _where(paths[name], owner),
                "config": None,
            }
            for name, known in hashes.items()
        ]

    def vaes(self, owner: bool) -> Rows:
        """The VAEs that may stand in the place of a model's own."""
        there = self._library.of_kind(Kind.VAE)
        return [{"model_name": name, "filename": _where(found.path, owner)} for name, found in there.items()]

    def loras(self, owner: bool) -> Rows:
        """The LoRAs that prompts may name."""
        there = self._library.of_kind(Kind.LORA)
        return [
            {"name": name, "alias": name, "path": _where(found.path, owner), "metadata": {}}
            for name, found in there.items()
        ]

    def embeddings(self) -> dict[str, dict[str, Any]]:
        """The textual inversions that prompts may name."""
        there = self._library.of_kind(Kind.TEXTUAL_INVERSION)
        return {"loaded": {name: _embedding(found) for name, found in there.items()}, "skipped": {}}

    def styles(self) -> Rows:
        """The ready words for prompts."""
        return [
            {"name": style.name, "prompt": style.prompt, "negative_prompt": style.negative_prompt}
            for style in self._studio.styles.named.values()
        ]

    def of(self, name: str) -> Callable[[bool], Any]:
        """What is answered at that path."""
        lists: dict[str, Callable[[bool], Any]] = {
            "sd-models": self.checkpoints,
            "sd-vae": self.vaes,
            "loras": self.loras,
            "embeddings": lambda _: self.embeddings(),
            "prompt-styles": lambda _: self.styles(),
        }
        return lists[name]


def _title(name: str, known: str) -> str:
    return f"{name} [{known}]" if known else name


def _where(path: Path, owner: bool) -> str:
    return spelt(path) if owner else spelt(Path(path.name))


def _embedding(found: Found) -> dict[str, Any]:
    try:
        shape = next(iter(read_header(found.path).tensors.values())).shape
    except (UnreadableModel, StopIteration):
        shape = ()
    vectors, width = (1, *shape)[-2:] if shape else (0, 0)
    unknown = {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None}
    return {**unknown, "shape": width, "vectors": vectors}
