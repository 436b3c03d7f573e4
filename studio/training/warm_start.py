"""A denoiser and its words begin with the weights of a finished model, of this world or of a narrower one."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from transformers import CLIPTokenizer

from studio.training.denoiser import Painter

WORDS = "embeddings.token_embedding.weight"
"""How the name of a text encoder's table of words ends."""


def begin(painter: Painter, tokenizer: CLIPTokenizer, finished: Path) -> None:
    """Give ``painter``, whose words are those of ``tokenizer``, all that the finished model in that folder has
    learnt. A word that both know keeps its meaning, whatever its number; new words stay as they are.

    Raises ValueError where the denoisers are of different widths.
    """
    known = StableDiffusionPipeline.from_pretrained(finished, dtype=torch.float32)
    theirs, ours = (tuple(unet.config.block_out_channels) for unet in (known.unet, painter.unet))
    if theirs != ours:
        raise ValueError(
            f"The model in {finished} has a denoiser of widths {theirs}, this edition one of {ours}. Start from a "
            "model of the same widths, or without one."
        )
    painter.unet.load_state_dict(known.unet.state_dict())
    learned, own = known.text_encoder.state_dict(), painter.text_encoder.state_dict()
    for name, value in own.items():
        if name.endswith(WORDS):
            numbers = known.tokenizer.get_vocab()
            shared = [(number, numbers[word]) for word, number in tokenizer.get_vocab().items() if word in numbers]
            mine, before = torch.tensor(shared).T
            value[mine] = learned[name][before]
        else:
            value.copy_(learned[name])
