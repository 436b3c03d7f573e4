"""What a pipeline is told to paint: its prompts, their parts, and their change from step to step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from diffusers import DiffusionPipeline
from torch import Tensor

from studio import prompt_schedule
from studio.diffusion.composed import Composed
from studio.errors import RequestRefused
from studio.limits import UNGUIDED
from studio.models.families.base import Family, in_float
from studio.presets import SAMPLERS
from studio.prompting.composition import Part, is_whole, parts
from studio.prompting.embeddings import Embedding
from studio.request import GenerationRequest

ENCODED = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
"""What pipelines call what ``encode_prompt`` gives; those with one text encoder give the first two."""
Encode = Callable[[str, str], tuple[Tensor, ...]]
"""From a prompt and its negative to their embeddings, in the order of ``ENCODED``."""


@dataclass(frozen=True)
class Conditioning:
    """What carries the prompts, for every picture of the batch."""

    arguments: dict[str, Any]
    """Of the pipeline's call."""
    composed: tuple[Composed | None, ...] = ()
    """The parts in force at each step, None where the prompt is whole; empty where it always is."""


@dataclass(frozen=True)
class _Words:
    """One pair of prompts as embeddings."""

    embeddings: tuple[Tensor, ...]
    """What the pipeline is told, in the order of ``ENCODED``: of a prompt with parts, the first."""
    composed: Composed | None = None


def conditioning(
    pipeline: DiffusionPipeline,
    request: GenerationRequest,
    family: Family,
    within: Callable[[], AbstractContextManager[None]] = nullcontext,
    embeddings: Sequence[Embedding] = (),
    skipped: int = 0,
) -> Conditioning:
    """What a pipeline's call, and the denoiser's, are told by the prompts. Words are encoded ``within``
    a context of its own; those of the first step come into force after ``skipped`` of the pipeline's.

    Where they are scheduled, every text that comes into force is encoded beforehand, and the
    pipeline's own callback at the end of a step puts the next step's in place.

    Raises:
        RequestRefused: if they are scheduled for a family that reads its prompt once, or have parts
            where nothing guides.
    """
    reading = in_float(family.reading(pipeline, request, embeddings))

    def encode_prompt(*arguments: Any, **options: Any) -> Any:
        with within():
            return reading(*arguments, **options)

    pipeline.encode_prompt = encode_prompt
    texts = (request.prompt, request.negative_prompt)
    told = [*zip(*(prompt_schedule.words(text, request.steps) for text in texts), strict=True)]
    read = {pair: parts(pair[0]) if family.composes else (Part(pair[0]),) for pair in told}
    if len(read) == 1 and all(is_whole(found) for found in read.values()):
        ((_, negative), (part,)), *_ = read.items()
        return Conditioning(family.prompts(dataclasses.replace(request, prompt=part.text, negative_prompt=negative)))
    guided = family.guided(request)
    if len(read) > 1 and not family.words_in_loop:
        raise RequestRefused("prompt", "This model reads its prompt once: leave out [from:to:when] and [a|b].")
    if not guided and not all(is_whole(found) for found in read.values()):
        raise RequestRefused("cfg_scale", UNGUIDED)
    encode = partial(_encoded, pipeline, request.batch_size, guided)
    words = {pair: _words(encode, found, pair[1]) for pair, found in read.items()}
    return _scheduled(request, [words[pair] for pair in told], family.words_in_loop, guided, skipped)


def _scheduled(
    request: GenerationRequest, words: Sequence[_Words], names: Sequence[str], guided: bool, skipped: int
) -> Conditioning:
    """The arguments for words by step, of which the pipeline's loop has its own under ``names``."""
    first, evaluations = words[0].embeddings, SAMPLERS[request.sampler].evaluations
    changed = list(names[: len(first) // 2])

    def next_words(_: Any, index: int, __: Any, given: dict[str, Any]) -> dict[str, Any]:
        step = max((index + 1) // evaluations - skipped, 0)
        pairs = words[min(step, request.steps - 1)].embeddings
        told = [torch.cat([pairs[at + 1], pairs[at]]) if guided else pairs[at] for at in range(0, len(pairs), 2)]
        return given | dict(zip(changed, told, strict=True))

    composed = tuple(each.composed for each in words)
    arguments: dict[str, Any] = dict(zip(ENCODED, first, strict=False))
    if len({id(each) for each in words}) > 1:
        arguments |= {"callback_on_step_end": next_words, "callback_on_step_end_tensor_inputs": changed}
    return Conditioning(arguments, composed if any(composed) else ())


def _words(encode: Encode, found: Sequence[Part], negative: str) -> _Words:
    """Parts, all of them as long as the longest, and their negative."""
    each = [encode(part.text, negative) for part in found]
    if is_whole(tuple(found)):
        return _Words(each[0])
    longest = max(each, key=lambda made: made[0].shape[1])
    length = longest[0].shape[1]
    empty = encode("", "")[0] if any(made[0].shape[1] < length for made in each) else longest[0]
    told = {"encoder_hidden_states": tuple(_padded(made[0], empty, length) for made in each)}
    pooled: tuple[Tensor, ...] = ()
    if len(longest) > 2:
        told["text_embeds"] = tuple(made[2] for made in each)
        pooled = each[0][2:]
    composed = Composed(tuple(part.weight for part in found), told)
    return _Words((told["encoder_hidden_states"][0], longest[1], *pooled), composed)


def _padded(words: Tensor, empty: Tensor, length: int) -> Tensor:
    """Embeddings (N, L, D) with empty chunks behind them."""
    missing = (length - words.shape[1]) // empty.shape[1]
    return torch.cat([words, *[empty] * missing], dim=1) if missing else words


def _encoded(pipeline: DiffusionPipeline, count: int, guided: bool, prompt: str, negative: str) -> tuple[Tensor, ...]:
    made: tuple[Tensor, ...] = pipeline.encode_prompt(
        prompt=prompt,
        device=pipeline._execution_device,
        num_images_per_prompt=count,
        do_classifier_free_guidance=guided,
        negative_prompt=negative,
    )
    return made
