"""What a pipeline is told to paint: its prompts, and their change from step to step."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DiffusionPipeline

from studio import prompt_schedule
from studio.presets import SAMPLERS
from studio.request import GenerationRequest

Conditioning = dict[str, Any]


def conditioning(pipeline: DiffusionPipeline, request: GenerationRequest) -> Conditioning:
    """The arguments of a pipeline's call that carry the prompts, for every picture of the batch.

    Where they are scheduled, every text that comes into force is encoded beforehand, and the
    pipeline's own callback at the end of a step puts the next step's in place.
    """
    count = request.batch_size
    positive = prompt_schedule.words(request.prompt, request.steps)
    negative = prompt_schedule.words(request.negative_prompt, request.steps)
    if len({*zip(positive, negative, strict=True)}) == 1:
        return {"prompt": [positive[0]] * count, "negative_prompt": [negative[0]] * count}
    guided = request.cfg_scale > 1
    encoded = {
        pair: pipeline.encode_prompt(pair[0], pipeline._execution_device, count, guided, pair[1])
        for pair in {*zip(positive, negative, strict=True)}
    }
    evaluations = SAMPLERS[request.sampler].evaluations

    def next_words(_: Any, index: int, __: Any, given: Conditioning) -> Conditioning:
        step = min((index + 1) // evaluations, request.steps - 1)
        words, without = encoded[positive[step], negative[step]]
        return given | {"prompt_embeds": torch.cat([without, words]) if guided else words}

    words, without = encoded[positive[0], negative[0]]
    return {
        "prompt_embeds": words,
        "negative_prompt_embeds": without if guided else None,
        "callback_on_step_end": next_words,
        "callback_on_step_end_tensor_inputs": ["prompt_embeds"],
    }
