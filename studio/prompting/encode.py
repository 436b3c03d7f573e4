"""Prompts with attention weights, BREAK and more than one chunk, as embeddings for Stable Diffusion.

Each chunk is read by itself; the weights multiply what comes out, which is then scaled back to its
mean, so that a prompt full of weights is no louder than another: the AUTOMATIC1111 web UI's "Original"
emphasis. A plain prompt of one chunk goes the pipeline's own way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import DiffusionPipeline
from torch import Tensor

from studio.prompting.attention import is_plain, parse
from studio.prompting.chunks import Chunk, read
from studio.prompting.embeddings import Embedding, Vocabulary

LEAST_MEAN = 1e-3
"""Of the deviation: below that a mean is not worth restoring."""
PENULTIMATE = 2
"""Stable Diffusion XL was trained on the layer before the last."""


def reading(
    pipeline: DiffusionPipeline, clip_skip: int = 1, embeddings: Sequence[Embedding] = ()
) -> Callable[..., Any]:
    """An ``encode_prompt`` for this pipeline that reads the web UI's marks; ``clip_skip`` is from
    which layer, counted from the last, the words are taken, 1 for the last itself. The names of
    ``embeddings`` are read as their vectors."""
    own = pipeline.encode_prompt
    signature = inspect.signature(own)

    def encode_prompt(*arguments: Any, **options: Any) -> Any:
        told = signature.bind(*arguments, **options)
        told.apply_defaults()
        asked = told.arguments
        if asked.get("prompt_embeds") is not None:  # encoded before; the pipeline only checks them
            return own(*arguments, **options)
        texts = [_first(asked.get(name)) for name in ("prompt", "negative_prompt")]
        words = Vocabulary(pipeline.tokenizer)
        if all(_is_short(text, words) for text in texts) and clip_skip == 1 and not embeddings:
            for name, text in zip(("prompt", "negative_prompt"), texts, strict=True):
                asked[name] = [_plain(text)] * len(asked[name]) if isinstance(asked[name], list) else _plain(text)
            return own(*told.args, **told.kwargs)
        batch = len(asked["prompt"]) if isinstance(asked["prompt"], list) else 1
        count = batch * asked["num_images_per_prompt"]
        return _encoded(pipeline, texts, count, clip_skip, embeddings)

    return encode_prompt


def _first(value: Any) -> str:
    return (value[0] if isinstance(value, list) else value) or ""


def _plain(prompt: str) -> str:
    return "".join(piece.text for section in parse(prompt) for piece in section)


def _is_short(prompt: str, words: Vocabulary) -> bool:
    return is_plain(prompt) and len(read(prompt, words)) == 1


def _encoded(
    pipeline: DiffusionPipeline,
    texts: Sequence[str],
    count: int,
    clip_skip: int,
    embeddings: Sequence[Embedding] = (),
) -> tuple[Tensor, ...]:
    """What ``encode_prompt`` gives: embeddings of prompt and negative prompt (N, 77 k, D), and for two
    encoders the pooled ones (N, D) behind them."""
    encoders = [(pipeline.text_encoder, pipeline.tokenizer)]
    if getattr(pipeline, "text_encoder_2", None) is not None:
        encoders.append((pipeline.text_encoder_2, pipeline.tokenizer_2))
    skip = clip_skip if len(encoders) == 1 else PENULTIMATE
    words, pooled = [], []
    for text in texts:
        made = []
        for index, (encoder, tokenizer) in enumerate(encoders):
            reader = Vocabulary(tokenizer, embeddings)
            made.append(_read(encoder, index, reader, _padded(text, texts, reader), skip, len(encoders) == 1))
        words.append(torch.cat([embedded for embedded, _ in made], dim=-1).expand(count, -1, -1))
        pooled.append(made[-1][1])
    if len(encoders) == 1:
        return tuple(words)
    return (*words, *(each.expand(count, -1) for each in pooled))


def _padded(text: str, texts: Sequence[str], words: Vocabulary) -> tuple[Chunk, ...]:
    """A text's chunks, and as many as the longest of the texts has: guidance compares them row by row."""
    found, longest = read(text, words), max(len(read(each, words)) for each in texts)
    return found + (Chunk(),) * (longest - len(found))


@torch.no_grad()
def _read(
    encoder: Any, index: int, words: Vocabulary, chunks: Sequence[Chunk], skip: int, normed: bool
) -> tuple[Tensor, Tensor]:
    """Words (1, 77 k, D) of chunks, and what the encoder says of the first of them, (1, D) where it pools."""
    tokenizer = words.tokenizer
    rows = [[tokenizer.bos_token_id, *chunk.tokens, tokenizer.eos_token_id] for chunk in chunks]
    length = tokenizer.model_max_length
    ids = torch.tensor([row + [tokenizer.pad_token_id] * (length - len(row)) for row in rows]).to(encoder.device)
    with words.vectors(encoder, index, ids) as plain:
        answer = encoder(plain, output_hidden_states=True)
    states = answer.hidden_states[-skip]
    if normed:
        states = getattr(encoder, "text_model", encoder).final_layer_norm(states)
    weighted = torch.stack([_weighted(state, chunk) for state, chunk in zip(states, chunks, strict=True)])
    return weighted.flatten(0, 1)[None], answer[0][:1]


def _weighted(states: Tensor, chunk: Chunk) -> Tensor:
    """The words of a chunk (77, D), each by its weight, their mean as it was."""
    if all(weight == 1 for weight in chunk.weights):
        return states
    weights = states.new_ones(len(states))
    weights[1 : 1 + len(chunk.weights)] = torch.tensor(chunk.weights, dtype=states.dtype)
    made = states * weights[:, None]
    mean = made.mean()
    if mean.abs() < LEAST_MEAN * made.std():
        return made  # some layers' words have no mean to speak of; its ratio would be noise
    return made * (states.mean() / mean)
