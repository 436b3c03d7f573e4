"""What a pipeline is told to paint: its prompts, and their change from step to step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from diffusers import DiffusionPipeline

from studio import prompt_schedule
from studio.errors import RequestRefused
from studio.models.families.base import Family, in_float
from studio.presets import SAMPLERS
from studio.prompting.embeddings import Embedding
from studio.prompting.lora_tags import lora_tags
from studio.request import GenerationRequest

Conditioning = dict[str, Any]


def conditioning(
    pipeline: DiffusionPipeline,
    request: GenerationRequest,
    family: Family,
    within: Callable[[], AbstractContextManager[None]] = nullcontext,
    embeddings: Sequence[Embedding] = (),
) -> Conditioning:
    """The arguments of a pipeline's call that carry the prompts, for every picture of the batch.
    Words are encoded ``within`` a context of its own.

    Where they are scheduled, every text that comes into force is encoded beforehand, and the
    pipeline's own callback at the end of a step puts the next step's in place.

    Raises:
        RequestRefused: if they are scheduled for a family that reads its prompt once.
    """
    count = request.batch_size
    reading = in_float(family.reading(pipeline, request, embeddings))

    def encode_prompt(*arguments: Any, **options: Any) -> Any:
        with within():
            return reading(*arguments, **options)

    pipeline.encode_prompt = encode_prompt
    positive = _in_force(request.prompt, request.steps)
    negative = _in_force(request.negative_prompt, request.steps)
    if len({*zip(positive, negative, strict=True)}) == 1:
        return family.prompts(dataclasses.replace(request, prompt=positive[0], negative_prompt=negative[0]))
    if not family.words_in_loop:
        raise RequestRefused("prompt", "This model reads its prompt once: leave out [from:to:when] and [a|b].")
    guided = request.cfg_scale > 1
    encoded = {
        pair: _encoded(pipeline, pair[0], pair[1], count, guided) for pair in {*zip(positive, negative, strict=True)}
    }
    evaluations = SAMPLERS[request.sampler].evaluations
    first = encoded[positive[0], negative[0]]
    names = list(family.words_in_loop[: len(first) // 2])

    def next_words(_: Any, index: int, __: Any, given: Conditioning) -> Conditioning:
        step = min((index + 1) // evaluations, request.steps - 1)
        pairs = encoded[positive[step], negative[step]]
        told = [torch.cat([pairs[at + 1], pairs[at]]) if guided else pairs[at] for at in range(0, len(pairs), 2)]
        return given | dict(zip(names, told, strict=True))

    return {
        **dict(zip(ENCODED, first, strict=False)),
        "callback_on_step_end": next_words,
        "callback_on_step_end_tensor_inputs": names,
    }


ENCODED = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
"""What pipelines call what ``encode_prompt`` gives; those with one text encoder give the first two."""


def _in_force(prompt: str, steps: int) -> tuple[str, ...]:
    """The words in force at each step, without the tags that ask for LoRAs."""
    return tuple(lora_tags(words)[0] for words in prompt_schedule.words(prompt, steps))


def _encoded(pipeline: DiffusionPipeline, prompt: str, negative: str, count: int, guided: bool) -> tuple[Any, ...]:
    """The embeddings of a prompt and its negative, in the order of ``ENCODED``."""
    made: tuple[Any, ...] = pipeline.encode_prompt(
        prompt=prompt,
        device=pipeline._execution_device,
        num_images_per_prompt=count,
        do_classifier_free_guidance=guided,
        negative_prompt=negative,
    )
    return made
