"""How long a prompt is for the model that reads it, and where its chunks begin."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio import prompt_schedule
from studio.prompting.chunks import Chunk, read
from studio.prompting.composition import parts
from studio.prompting.embeddings import Vocabulary

WORDS_SHOWN = 3


@dataclass(frozen=True)
class Count:
    """Tokens of a prompt, and how the chunks after the first begin."""

    tokens: int
    room: int
    """How many tokens its chunks have room for."""
    begins: tuple[str, ...] = ()

    def __str__(self) -> str:
        chunks = "".join(f" · a further chunk begins at “{words}”" for words in self.begins)
        return f"{self.tokens} / {self.room} tokens{chunks}"


def count(prompt: str, tokenizer: Path) -> Count:
    """The count of a prompt, as it is at its first step, for the tokenizer in a folder; of parts joined by AND
    the longest one's."""
    reader = _tokenizer(tokenizer)
    words = prompt_schedule.words_at(prompt, 1, 1)
    each = (read(part.text, Vocabulary(reader)) for part in parts(words))
    chunks = max(each, key=lambda found: sum(len(chunk.tokens) for chunk in found))
    begins = tuple(_words(chunk, reader) for chunk in chunks[1:])
    return Count(sum(len(chunk.tokens) for chunk in chunks), len(chunks) * (reader.model_max_length - 2), begins)


@functools.lru_cache(4)
def _tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer  # here, since it takes a second

    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


def _words(chunk: Chunk, tokenizer: Any) -> str:
    text: str = tokenizer.decode(list(chunk.tokens))
    return " ".join(text.split()[:WORDS_SHOWN])
