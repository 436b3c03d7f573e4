"""The trained parts as the diffusers folder that ships, in half precision."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, ControlNetModel
from transformers import CLIPTokenizer

from studio.training.denoiser import Painter, assemble, build
from studio.training.world import EDITIONS, Edition
from studio.training.world.captions import words
from studio.training.world.vocabulary import COLOURS, COUNTS, RELATIONS, SHAPES, SIZES, TIMES, WEATHERS

VOCABULARY = "vocabulary.json"
SHARD = "15MB"
"""No file of the repository is larger."""


def painter_from(checkpoint: Path, tokenizer: CLIPTokenizer, edition: Edition) -> Painter:
    """The averaged weights of a checkpoint, finished or not."""
    painter = build(tokenizer, edition)
    painter.load_state_dict(torch.load(checkpoint, weights_only=True, map_location="cpu")["average"])
    return painter.eval()


def export(
    vae: AutoencoderTiny,
    tokenizer: CLIPTokenizer,
    painter: Painter,
    edition: Edition,
    folder: Path,
    before: tuple[Edition, ...] = (),
) -> None:
    """Write the pipeline in fp16 safetensors and the words it knows, in place of what was there, with the editions it
    was trained on ``before``. A ControlNet and a few-step edition belong to the denoiser they were trained on, and go
    with it."""
    for part in ("unet", "vae", "text_encoder", "tokenizer", "controlnet", "few-steps"):
        shutil.rmtree(folder / part, ignore_errors=True)
    pipeline = assemble(vae, tokenizer, painter).to(dtype=torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True, max_shard_size=SHARD)
    told = vocabulary(edition) | {"before": [each.name for each in before]}
    text = json.dumps(told, indent=1, ensure_ascii=False)
    (folder / VOCABULARY).write_text(text + "\n", encoding="utf-8")


def editions(folder: Path) -> tuple[Edition, ...]:
    """Those that the finished model in a folder was trained on, the last one last."""
    told = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
    return tuple(EDITIONS[name] for name in (*told.get("before", ()), told["edition"]))


def export_controlnet(controlnet: ControlNetModel, folder: Path) -> None:
    """Write a ControlNet in fp16 safetensors."""
    controlnet.to(dtype=torch.float16).save_pretrained(folder, safe_serialization=True, max_shard_size=SHARD)


def vocabulary(edition: Edition) -> dict[str, object]:
    """What can be asked for, as the page suggests it, and under "words" every single word that was trained. In the
    places "indoors" there is no weather, in the "timeless" ones the time of day does not show."""
    places = [place for place in edition.places if place.name != "background"]
    full = {} if edition.alone else {
        "sizes": [size[0] for size in SIZES.values() if size],
        "counts": list(COUNTS.values())[1:],
        "relations": [phrases[0] for phrases in RELATIONS.values()],
        "colours": list(COLOURS),
        "shapes": list(SHAPES),
    }  # fmt: skip
    return {
        "edition": edition.name,
        "things": [thing.name for thing in edition.things],
        "synonyms": {thing.name: list(thing.synonyms) for thing in edition.things if thing.synonyms},
        "places": [place.phrase for place in places],
        "indoors": [place.phrase for place in places if not place.outdoors],
        "timeless": [place.phrase for place in places if place.always],
        "times": [time.phrases[0] for time in TIMES],
        "weathers": [weather.phrases[0] for weather in WEATHERS if weather.name != "clear"],
        "styles": [style.tags[-1] if style.name == "flat" else style.tags[0] for style in edition.styles],
        **full,
        "words": words(edition),
    }
