"""Textual inversions: words of a prompt that stand for vectors somebody has trained (Gal et al. 2022,
https://arxiv.org/abs/2208.01618), named by their files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from studio.errors import ModelUnavailable
from studio.models.family import MOST_WORDS
from studio.models.library import Inversion
from studio.prompting.names import word

FIRST = 10_000_000
"""Tokens from here on are vectors; no vocabulary is as large."""
END_OF_WORD = "</w>"
OF_ENCODERS = (("clip_l", "emb_params"), ("clip_g",))
"""What files call the vectors of the first and the second text encoder."""


class OfAnotherFamily(ModelUnavailable):
    """A textual inversion is for other text encoders than the model has."""


@dataclass(frozen=True)
class Embedding:
    """A word, and the vectors (n, D) it stands for in each text encoder."""

    name: str
    vectors: tuple[Tensor, ...]
    short_hash: str = ""
    """Of its file, where that is known."""

    def __len__(self) -> int:
        return len(self.vectors[0])


def load(name: str, path: Path, widths: Sequence[int]) -> Embedding:
    """The vectors of a file, for text encoders of these widths.

    Raises:
        OfAnotherFamily: if they are for other encoders.
        ModelUnavailable: if it has none.
    """
    tensors = {key: value if value.ndim == 2 else value[None] for key, value in load_file(path).items()}
    if len(tensors) == 1 and not tensors.keys() & {"clip_l", "clip_g"}:
        tensors = {"emb_params": next(iter(tensors.values()))}
    found = [next((tensors[key] for key in keys if key in tensors), None) for keys in OF_ENCODERS[: len(widths)]]
    vectors = tuple(each.float() for each in found if each is not None)
    if any(vector.ndim != 2 or not len(vector) for vector in vectors):
        raise ModelUnavailable(f"The textual inversion {name!r} holds no vectors of words: download it again.")
    if [vector.shape[-1] for vector in vectors] != list(widths) or len({len(vector) for vector in vectors}) != 1:
        raise OfAnotherFamily(f"The textual inversion {name!r} is made for another family of models.")
    if len(vectors[0]) > MOST_WORDS:
        raise ModelUnavailable(f"The textual inversion {name!r} has more than {MOST_WORDS} vectors.")
    return Embedding(name, vectors)


def fitting(asked: Iterable[Inversion], widths: Sequence[int]) -> tuple[tuple[Embedding, ...], tuple[str, ...]]:
    """Those of the files, by their names, that are for text encoders of these widths, and a sentence on each of the
    others: its name may be a word that was meant as such.

    Raises:
        ModelUnavailable: if one holds no vectors.
    """
    fit, notes = [], []
    for one in asked:
        try:
            fit.append(replace(load(one.name, one.path, widths), short_hash=one.short_hash))
        except OfAnotherFamily as error:
            notes.append(f"{error} Its name was read as plain words.")
    return tuple(fit), tuple(notes)


class Vocabulary:
    """A CLIP tokenizer's words and those of embeddings."""

    def __init__(self, tokenizer: Any, embeddings: Sequence[Embedding] = ()) -> None:
        self.tokenizer = tokenizer
        self._names: dict[str, range] = {}
        self._rows: list[tuple[Embedding, int]] = []
        for embedding in embeddings:
            start = FIRST + len(self._rows)
            self._names[embedding.name.lower()] = range(start, start + len(embedding))
            self._rows += [(embedding, row) for row in range(len(embedding))]

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text, without those that mark begin and end."""
        found: list[int] = []
        done = 0
        for match in self._marks(text):
            found += [*self._plain(text[done : match.start()]), *self._names[match[0].lower()]]
            done = match.end()
        return [*found, *self._plain(text[done:])]

    def piece(self, token: int) -> tuple[str, bool]:
        """What a token adds to a word, and whether the word ends with it."""
        if token >= FIRST:
            embedding, row = self._rows[token - FIRST]
            return ("", False) if row + 1 < len(embedding) else (embedding.name, True)
        text: str = self.tokenizer.convert_ids_to_tokens(token)
        return text.removesuffix(END_OF_WORD), text.endswith(END_OF_WORD)

    @contextmanager
    def vectors(self, encoder: Any, index: int, ids: Tensor) -> Iterator[Tensor]:
        """Inside, the encoder of that index reads ``ids``, in which what is given stands for
        vectors, as those."""
        places = [(row, column) for row, column in (ids >= FIRST).nonzero().tolist()]

        def placed(_: Any, __: Any, read: Tensor) -> Tensor:
            made = read.clone()
            for row, column in places:
                embedding, at = self._rows[int(ids[row, column]) - FIRST]
                made[row, column] = embedding.vectors[index][at].to(made)
            return made

        handle = encoder.get_input_embeddings().register_forward_hook(placed) if places else None
        try:
            yield ids.where(ids < FIRST, ids.new_zeros(()))
        finally:
            if handle is not None:
                handle.remove()

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def _marks(self, text: str) -> Iterator[re.Match[str]]:
        if self._names:
            longest_first = sorted(self._names, key=len, reverse=True)
            yield from re.finditer("|".join(word(name).pattern for name in longest_first), text, re.IGNORECASE)
