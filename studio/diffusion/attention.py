"""Where each word of a prompt looks: the cross-attention of a UNet at one step.

The maps are the attention probabilities from each place of the picture to each token, averaged
over heads and layers (Tang et al. 2022, "What the DAAM", https://arxiv.org/abs/2210.04885).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import Tensor, nn
from torch.nn import functional

from studio.diffusion.seams import ModelCall
from studio.errors import StudioError
from studio.prompting.chunks import read
from studio.prompting.embeddings import Vocabulary

Compute = Callable[[ModelCall, dict[str, Any]], Any]


@dataclass(frozen=True)
class WordMap:
    """One word, and how much each place looks at it."""

    word: str
    map: Tensor
    """(h, w) of the latents' size, fp32, from 0 to 1."""


def word_maps(
    call: ModelCall, compute: Compute, vocabulary: Vocabulary, prompts: Sequence[str], pictures: int
) -> list[WordMap]:
    """Where the words of ``prompts``, one or the parts joined by AND, look in the first of a batch of
    ``pictures``, at the step whose denoiser call this is. Costs one forward; ``compute`` makes it.

    Raises:
        StudioError: if the denoiser is no UNet with cross-attention.
    """
    if not isinstance(call.module, UNet2DConditionModel):
        raise StudioError("Where the words look can be seen for models with a UNet only.")
    sample: Tensor = call.arguments["sample"]
    with recorded(call.module) as seen:
        compute(call, call.arguments)
    if not seen:
        raise StudioError("This model has no cross-attention to look at.")
    rows = len(sample)
    found: list[WordMap] = []
    for after, prompt in enumerate(reversed(prompts), 1):
        # Guidance puts the rows without the prompt first, so a row with it is counted from the end.
        row = rows - after * pictures
        maps = [_upright(probabilities, rows, row, sample.shape[-2:]) for probabilities in seen]
        tokens = torch.stack(maps).mean(0)
        found[:0] = [WordMap(word, _spread(tokens[list(at)].mean(0))) for word, at in words(vocabulary, prompt)]
    return found


@contextlib.contextmanager
def recorded(unet: nn.Module) -> Iterator[list[Tensor]]:
    """The attention probabilities (rows * heads, places, tokens) of every cross-attention computed
    inside, in order; afterwards the UNet is as it was."""
    seen: list[Tensor] = []
    layers = [module for name, module in unet.named_modules() if isinstance(module, Attention) and ".attn2" in name]
    before = [layer.processor for layer in layers]
    try:
        for layer in layers:
            layer.set_processor(AttnProcessor())
            layer.get_attention_scores = _keeping(layer.get_attention_scores, seen)
        yield seen
    finally:
        for layer, processor in zip(layers, before, strict=True):
            layer.set_processor(processor)
            vars(layer).pop("get_attention_scores", None)


def _keeping(scores: Any, seen: list[Tensor]) -> Any:
    def kept(*arguments: Any, **options: Any) -> Tensor:
        probabilities: Tensor = scores(*arguments, **options)
        seen.append(probabilities.detach())
        return probabilities

    return kept


def _upright(probabilities: Tensor, rows: int, row: int, size: torch.Size) -> Tensor:
    """(tokens, h, w) of one row of a layer's probabilities, mean over its heads."""
    _, places, tokens = probabilities.shape
    mean = probabilities.float().view(rows, -1, places, tokens)[row].mean(0)
    scale = round((size[0] * size[1] / places) ** 0.5)
    small = mean.T.reshape(1, tokens, -(-size[0] // scale), -(-size[1] // scale))
    return functional.interpolate(small, tuple(size), mode="bilinear", align_corners=False)[0]


def _spread(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    return ((values - low) / (high - low).clamp_min(1e-12)).cpu()


def words(vocabulary: Vocabulary, prompt: str) -> list[tuple[str, range]]:
    """The words of a prompt as the tokenizer reads them, with the places of their tokens, those of a
    second chunk behind all of the first. Punctuation and marks are left out."""
    length = vocabulary.tokenizer.model_max_length
    return [
        (word, range(number * length + places.start, number * length + places.stop))
        for number, chunk in enumerate(read(prompt, vocabulary))
        for word, places in _of_chunk(vocabulary, chunk.tokens)
        if any(letter.isalnum() for letter in word)
    ]


def _of_chunk(vocabulary: Vocabulary, tokens: Sequence[int]) -> Iterator[tuple[str, range]]:
    start, word = 1, ""
    for place, token in enumerate(tokens, 1):
        piece, ends = vocabulary.piece(token)
        word += piece
        if ends:
            yield word, range(start, place + 1)
            word, start = "", place + 1
