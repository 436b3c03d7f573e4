"""Stage four: the trained parts as the diffusers folder that ships, in half precision."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from transformers import CLIPTokenizer

from studio.training.denoiser import Painter, assemble, build_text_encoder, build_unet
from studio.training.world.vocabulary import PLACES, THINGS, TIMES, WEATHERS

SHARD = "15MB"
"""No file of the repository is larger."""


def painter_from(checkpoint: Path, tokenizer: CLIPTokenizer, sample_size: int) -> Painter:
    """The averaged weights of a checkpoint, finished or not."""
    painter = Painter(build_text_encoder(tokenizer), build_unet(sample_size))
    painter.load_state_dict(torch.load(checkpoint, weights_only=True, map_location="cpu")["average"])
    return painter.eval()


def export(vae: AutoencoderTiny, tokenizer: CLIPTokenizer, painter: Painter, folder: Path) -> None:
    """Write the pipeline in fp16 safetensors and the words it knows."""
    pipeline = assemble(vae, tokenizer, painter).to(dtype=torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True, max_shard_size=SHARD)
    words = {
        "things": [thing.name for thing in THINGS],
        "synonyms": {thing.name: list(thing.synonyms) for thing in THINGS if thing.synonyms},
        "places": [f"{place.preposition} {place.article} {place.name}" for place in PLACES],
        "times": [time.phrases[0] for time in TIMES],
        "weathers": [weather.phrases[0] for weather in WEATHERS if weather.name != "clear"],
    }
    (folder / "vocabulary.json").write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")
