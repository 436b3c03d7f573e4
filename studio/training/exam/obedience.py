"""Does the model paint what the prompt says, and leave out what the negative prompt says?"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from torch import Tensor

from studio.training import recogniser
from studio.training.exam.figures import Figure, share
from studio.training.exam.painting import paint
from studio.training.recogniser import Recogniser
from studio.training.world import Edition, Scene, places
from studio.training.world.grammar import with_article
from studio.training.world.vocabulary import STYLES, TIMES, WEATHERS

LEAST_READ = {
    "thing": 85.0,
    "place": 95.0,
    "time": 95.0,
    "weather": 95.0,
    "style": 95.0,
    "count": 80.0,
    "two things": 70.0,
}
LEAST_JUDGE = {"thing": 90.0, "place": 97.0, "time": 97.0, "weather": 97.0, "style": 97.0}
NEGATED = ("place", "time", "weather", "style")
STRIDE = 11
"""Through the things: no edition has a multiple of it."""


def judged(judge: Recogniser, rendered: NDArray[np.uint8], scenes: list[Scene], edition: Edition) -> list[Figure]:
    """The judge's own accuracy on held-out renderings."""
    found = recogniser.accuracy(recogniser.read(judge, rendered), recogniser.targets(scenes, edition))
    return [share(f"the recogniser itself: {name}", value, LEAST_JUDGE.get(name)) for name, value in found.items()]


def recognised(
    judge: Recogniser, painted: NDArray[np.uint8], scenes: list[Scene], edition: Edition, what: str = "recognised"
) -> list[Figure]:
    """What the judge reads from painted pictures, against what their prompts said."""
    found = recogniser.accuracy(recogniser.read(judge, painted), recogniser.targets(scenes, edition))
    return [share(f"{what}: {name}", value, LEAST_READ.get(name)) for name, value in found.items()]


def removed(pipeline: StableDiffusionPipeline, judge: Recogniser, edition: Edition, count: int) -> list[Figure]:
    """Paint things alone, name in the negative prompt what appeared with them, and paint again with the same
    seed: how often is it gone, and how often is the thing still there?"""
    names = [thing.name for thing in edition.things]
    asked = torch.tensor([index * STRIDE % len(names) for index in range(count)])
    prompts = [with_article(names[index]) for index in asked.tolist()]
    before = recogniser.read(judge, paint(pipeline, prompts, first_seed=40_000))
    result = [share("things painted alone, recognised", _equal(before["thing"].argmax(1), asked))]
    for aspect in judge.aspects:
        there = before[aspect.name].argmax(1)
        counted = _shows(aspect.name, before, edition)
        if aspect.name == "weather":
            counted &= there != aspect.answers.index("clear")  # which nobody asks to be rid of
        if aspect.name not in NEGATED or len(aspect.answers) < 2 or not counted.any():
            continue
        negative = [_phrase(aspect.name, aspect.answers[answer]) for answer in there]
        after = recogniser.read(judge, paint(pipeline, prompts, first_seed=40_000, negative=negative))
        gone = after[aspect.name].argmax(1) != there
        if aspect.name != "place":  # away to where it cannot be seen is not removed: to the moon for a night in town
            gone &= _shows(aspect.name, after, edition)
        result += [
            share(f"removed by a negative prompt: {aspect.name}", float(gone[counted].float().mean()), 90.0),
            share("things recognised beside it", _equal(after["thing"].argmax(1), asked)),
        ]
    return result


def _shows(aspect: str, read: dict[str, Tensor], edition: Edition) -> Tensor:
    """Of which pictures (N,) it can be seen, by the places that are read: a bare background is no place, a stage has no
    time of day, a room no weather."""
    seen = {
        "place": [place.name != "background" for place in edition.places],
        "time": [not place.always for place in edition.places],
        "weather": [place.outdoors for place in edition.places],
    }
    where = read["place"].argmax(1)
    return torch.tensor(seen[aspect])[where] if aspect in seen else torch.ones(len(where), dtype=torch.bool)


def _equal(read: Tensor, asked: Tensor) -> float:
    return float((read == asked).float().mean())


def _phrase(aspect: str, answer: str) -> str:
    """How one asks for it."""
    if aspect == "place":
        return places.BY_NAME[answer].phrase
    if aspect == "time":
        return next(time.phrases[0] for time in TIMES if time.name == answer)
    if aspect == "style":
        return next(style.tags[0] for style in STYLES if style.name == answer)
    return next(weather.phrases[0] for weather in WEATHERS if weather.name == answer)
