"""What the stages train on: pictures, sketches, captions and where things stand, for one set of scenes."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import CLIPTokenizer

from studio.training import sketch
from studio.training.stored import stored
from studio.training.tokenizer import fingerprint
from studio.training.world import Scene, SceneDataset
from studio.training.world.captions import caption
from studio.training.world.scene import layout

TELLINGS = 8
"""Captions kept of each picture, each told anew."""
SCALE = 8
"""How much smaller latents are than pictures, on each side."""


def _picture(scenes: SceneDataset, index: int) -> NDArray[np.uint8]:
    return np.asarray(scenes.picture(index))


def _sketches(scenes: SceneDataset, index: int) -> NDArray[np.uint8]:
    """Edges of the picture itself, and a scribble of the drawing it was made from."""
    return np.stack([sketch.edges(scenes.picture(index)), sketch.scribble(scenes.plain_picture(index))]).astype(
        np.uint8
    )


def _tokens(scenes: SceneDataset, tokenizer: CLIPTokenizer, index: int) -> NDArray[np.int16]:
    random = Random(f"captions/{scenes.seed}/{index}")
    texts = [caption(scenes.scene(index), random) for _ in range(TELLINGS)]
    ids = tokenizer(texts, padding="max_length", truncation=True, return_tensors="np").input_ids
    return ids.astype(np.int16)


def thing_mask(scene: Scene, side: int) -> NDArray[np.uint8]:
    """Where things stand (side, side), as 0 and 1: their boxes, with room for the ground line's height."""
    mask = np.zeros((side, side), np.uint8)
    for standing in layout(scene):
        left, right = standing.x - standing.side / 2 - 0.03, standing.x + standing.side / 2 + 0.03
        bottom = 0.97 - standing.lift
        top = bottom - standing.side - 0.12
        rows = slice(max(round(top * side), 0), max(round(bottom * side), 1))
        mask[rows, max(round(left * side), 0) : max(round(right * side), 1)] = 1
    return mask


def _mask(scenes: SceneDataset, index: int) -> NDArray[np.uint8]:
    return thing_mask(scenes.scene(index), scenes.edition.size // SCALE)


class Material:
    """The first ``count`` scenes of a set, as arrays that are made when they are first asked for."""

    def __init__(self, scenes: SceneDataset, count: int, folder: Path) -> None:
        self.scenes, self.count, self.folder = scenes, count, folder

    def _stored(self, name: str, count: int, item: tuple[int, ...], dtype: Any, compute: Any) -> NDArray[Any]:
        part = "-but-".join(["held" if self.scenes.held_out else "train", *(each.name for each in self.scenes.before)])
        path = self.folder / f"{name}-{self.scenes.edition.name}-{self.scenes.seed}-{part}-{count}.npy"
        return stored(path, count, item, dtype, compute)

    def told(self, count: int | None = None) -> list[Scene]:
        """The scenes themselves."""
        return [self.scenes.scene(index) for index in range(self.count if count is None else count)]

    @cached_property
    def pictures(self) -> NDArray[np.uint8]:
        """uint8 (count, size, size, 3)."""
        size = self.scenes.edition.size
        return self._stored("pictures", self.count, (size, size, 3), np.uint8, partial(_picture, self.scenes))

    def sketches(self, count: int) -> NDArray[np.uint8]:
        """Edges and scribbles of the first ``count``, uint8 (count, 2, size, size) of 0 and 1."""
        size = self.scenes.edition.size
        return self._stored("sketches", count, (2, size, size), np.uint8, partial(_sketches, self.scenes))

    def tokens(self, tokenizer: CLIPTokenizer) -> NDArray[np.int16]:
        """Captions as token ids, int16 (count, TELLINGS, length)."""
        item = (TELLINGS, tokenizer.model_max_length)
        name = f"tokens-{fingerprint(tokenizer)}"
        return self._stored(name, self.count, item, np.int16, partial(_tokens, self.scenes, tokenizer))

    @cached_property
    def masks(self) -> NDArray[np.uint8]:
        """Where things stand, uint8 (count, size / 8, size / 8) of 0 and 1."""
        side = self.scenes.edition.size // SCALE
        return self._stored("masks", self.count, (side, side), np.uint8, partial(_mask, self.scenes))
