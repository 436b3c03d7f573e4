"""A prompt as the chunks of tokens that a CLIP text encoder reads, with a weight for each token.

CLIP reads 75 tokens at once (the embedded model's fewer). A longer prompt is read in several chunks,
whose words stand behind one another, as the AUTOMATIC1111 web UI has it: what is behind the last
comma of a full chunk goes over into the next, if it is no more than 20 tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from studio.prompting.attention import Section, parse
from studio.prompting.embeddings import Vocabulary

MOST_CARRIED = 20
Tokenize = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class Chunk:
    """Tokens, without those that mark begin and end, and the weight of each."""

    tokens: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()


def chunks(sections: Sequence[Section], tokenize: Tokenize, room: int, comma: int = -1) -> tuple[Chunk, ...]:
    """The chunks, of at most ``room`` tokens, of a prompt's sections, each of which begins a new one.
    There is at least one, which may be empty. ``comma`` is the token of one."""
    return tuple(chunk for section in sections for chunk in _of_section(section, tokenize, room, comma))


def _of_section(section: Section, tokenize: Tokenize, room: int, comma: int) -> list[Chunk]:
    pairs = [(token, piece.weight) for piece in section for token in tokenize(piece.text)]
    found = []
    while len(pairs) > room:
        end = _end([token for token, _ in pairs[:room]], comma)
        found.append(pairs[:end])
        pairs = pairs[end:]
    return [Chunk(*zip(*each, strict=True)) if each else Chunk() for each in (*found, pairs)]


def _end(tokens: Sequence[int], comma: int) -> int:
    """Where a full chunk ends."""
    behind = next((back for back, token in enumerate(reversed(tokens)) if token == comma), len(tokens))
    return len(tokens) - behind if 0 < behind <= MOST_CARRIED and behind < len(tokens) else len(tokens)


def read(prompt: str, words: Vocabulary) -> tuple[Chunk, ...]:
    """The chunks of a prompt in the web UI's syntax, in a CLIP tokenizer's words and those of embeddings."""
    room = words.tokenizer.model_max_length - 2
    return chunks(parse(prompt), words.tokens, room, next(iter(words.tokens(",")), -1))
