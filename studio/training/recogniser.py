"""An independent judge: a small network that reads what is in a picture, and how it is drawn, from pixels.

It is trained on rendered pictures of the world only, never on generated ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from studio.training.loop import Loop, Plan, autocast, batch_size, choose_device
from studio.training.material import SCALE, Material
from studio.training.pictures import at_hand, to_tensor
from studio.training.world import Edition, Scene, places
from studio.training.world.vocabulary import COUNTS, TIMES, WEATHERS

BATCH = 32
SIDE = 128
WIDTHS = (64, 96, 192, 320)
"""Few at the start, where a step costs most, and many where things are told apart."""
ONE_IS_USUAL = ("weather", "count")
"""Aspects of which most scenes have the same answer."""


@dataclass(frozen=True)
class Aspect:
    """One question asked of every picture, and its possible answers."""

    name: str
    answers: tuple[str, ...]

    def right(self, scene: Scene) -> str | None:
        """The answer for a scene; None where the scene has none."""
        if self.name == "time":
            return scene.time if scene.tells_time else None
        if self.name == "weather" and not places.BY_NAME[scene.place].outdoors:
            return None
        if self.name == "count":
            return None if scene.other else COUNTS[scene.count]
        answer: str = getattr(scene, self.name)
        return answer


def aspects(edition: Edition) -> tuple[Aspect, ...]:
    """What is asked about pictures of the edition. "thing" is asked as a share for each thing present."""
    return (
        Aspect("thing", edition.thing_names),
        Aspect("place", tuple(place.name for place in edition.places)),
        Aspect("time", tuple(time.name for time in TIMES)),
        Aspect("weather", tuple(weather.name for weather in WEATHERS)),
        Aspect("style", tuple(style.name for style in edition.styles)),
        Aspect("count", tuple(COUNTS.values())),
    )


class Step(nn.Module):
    """Half the size, then one residual block."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.shrink = nn.Conv2d(before, after, 3, 2, 1)
        self.inner = nn.Sequential(
            nn.BatchNorm2d(after), nn.SiLU(), nn.Conv2d(after, after, 3, 1, 1), nn.BatchNorm2d(after), nn.SiLU(),
            nn.Conv2d(after, after, 3, 1, 1),
        )  # fmt: skip

    def forward(self, seen: Tensor) -> Tensor:
        """(N, before, H, W) to (N, after, H / 2, W / 2)."""
        small = self.shrink(seen)
        deeper: Tensor = small + self.inner(small)
        return deeper


class Recogniser(nn.Module):
    """Overlapping patches, 4 px apart, of a 128 px picture, and three such steps over them, to 4 x 4 cells; one linear
    head an aspect. Things are read cell by cell, each cell counting by how surely something stands there; all else
    from the whole and from where it is strongest."""

    def __init__(self, edition: Edition) -> None:
        super().__init__()
        self.aspects = aspects(edition)
        self.body = nn.Sequential(
            nn.Conv2d(3, WIDTHS[0], 7, 4, 3),
            *(Step(*pair) for pair in pairwise(WIDTHS)),
            nn.BatchNorm2d(WIDTHS[-1]),
            nn.SiLU(),
        )
        width = WIDTHS[-1]
        self.heads = nn.ModuleDict(
            {
                item.name: nn.Linear(width if item.name == "thing" else 2 * width, len(item.answers))
                for item in self.aspects
            }
        )
        self.where = nn.Linear(width, 1)

    def forward(self, pictures: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Scores (N, answers) for each aspect of pictures (N, 3, H, W) from -1 to 1, and where it looks for things:
        the logarithms of shares (N, cells) that sum to 1."""
        seen = self.body(functional.interpolate(pictures, size=(SIDE, SIDE), mode="area"))
        whole = torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1)
        cells = seen.flatten(2).transpose(1, 2)
        where = self.where(cells).squeeze(-1).log_softmax(1)
        scores = {name: head(whole) for name, head in self.heads.items() if name != "thing"}
        things = self.heads["thing"](cells).log_softmax(-1)
        return scores | {"thing": (things + where[..., None]).logsumexp(1)}, where


def targets(scenes: list[Scene], edition: Edition) -> dict[str, Tensor]:
    """What is right, as shares (N, answers) that sum to 1, or to 0 where the scene has no answer. Of two
    different things each has a half."""
    result = {}
    for aspect in aspects(edition):
        shares = torch.zeros(len(scenes), len(aspect.answers))
        for row, scene in zip(shares, scenes, strict=True):
            answer = aspect.right(scene)
            found = [answer, scene.other] if aspect.name == "thing" and scene.other else [answer]
            for name in found:
                if name is not None:
                    row[aspect.answers.index(name)] = 1 / len(found)
        result[aspect.name] = shares
    return result


def read(recogniser: Recogniser, pixels: NDArray[np.uint8]) -> dict[str, Tensor]:
    """Scores (N, answers) for each aspect of pictures (N, H, W, 3)."""
    device = next(recogniser.parameters()).device
    parts: dict[str, list[Tensor]] = {item.name: [] for item in recogniser.aspects}
    with torch.no_grad():
        for first in range(0, len(pixels), BATCH):
            scores, _ = recogniser(to_tensor(pixels[first : first + BATCH], device))
            for name, part in parts.items():
                part.append(scores[name].cpu())
    return {name: torch.cat(found) for name, found in parts.items()}


def accuracy(scores: dict[str, Tensor], right: dict[str, Tensor]) -> dict[str, float]:
    """The share of right readings of each aspect, over the scenes that have an answer. "thing" is over scenes of
    one kind of thing; "two things" asks for both among the two most likely. What is the same in all scenes is left
    out: there was nothing to read. Where one answer is the usual one, each answer counts as much as any other: a
    model that always paints one thing, in clear weather, shall not pass for one that counts."""
    result = {}
    for name, shares in right.items():
        whole = shares.amax(1) == 1
        if shares[whole].any(0).sum() > 1:
            answers = shares[whole].argmax(1)
            hits = (scores[name][whole].argmax(1) == answers).float()
            parts = [hits[answers == answer] for answer in answers.unique()] if name in ONE_IS_USUAL else [hits]
            result[name] = float(torch.stack([part.mean() for part in parts]).mean())
    pairs = right["thing"].amax(1) == 0.5
    if pairs.any():
        likely = scores["thing"][pairs].topk(2).indices.sort().values
        result["two things"] = float(
            (likely == right["thing"][pairs].topk(2).indices.sort().values).all(1).float().mean()
        )
    return result


def standing(masks: Tensor, cells: int) -> Tensor:
    """How masks (N, h, w) of where things stand share out over that many square cells: (N, cells), sums of 1."""
    side = math.isqrt(cells)
    shares = functional.interpolate(masks[:, None].float(), size=(side, side), mode="area").flatten(1)
    return shares / shares.sum(1, keepdim=True)


def train(material: Material, folder: Path, minutes: float) -> Recogniser:
    """Train on rendered pictures, shifted and dimmed a little so that it reads shapes. It is told where things stand:
    from that it learns them several times sooner than from the whole picture."""
    device = choose_device()
    recogniser = Recogniser(material.scenes.edition).to(device).to(memory_format=torch.channels_last)
    right = {name: shares.to(device) for name, shares in targets(material.told(), material.scenes.edition).items()}
    loop = Loop(recogniser, Plan(folder, "recogniser", minutes, learning_rate=1.5e-3, weight_decay=0.05))
    source, masks = at_hand(material.pictures, device), at_hand(material.masks, device)
    count = batch_size(BATCH, device)

    def batch_loss() -> tuple[Tensor, int]:
        picks = torch.randint(len(source), (count,), device=source.device)
        down, across = (int(value) for value in torch.randint(-6, 7, (2,)))
        batch = to_tensor(source[picks].roll((down, across), (1, 2)), device)
        # One grain for the whole batch: a grain for each picture costs a tenth of the step.
        batch = batch * (0.8 + 0.2 * torch.rand(count, 1, 1, 1, device=device)) + 0.04 * torch.randn_like(batch[:1])
        with autocast(device):
            scores, where = recogniser(batch.contiguous(memory_format=torch.channels_last))
        losses = [-(right[name][picks] * score.float().log_softmax(1)).sum(1).mean() for name, score in scores.items()]
        shifted = masks[picks].to(device).roll((round(down / SCALE), round(across / SCALE)), (1, 2))
        stands = standing(shifted, where.shape[1])
        return torch.stack(losses).sum() - (stands * where).sum(1).mean(), count

    loop.run(batch_loss, lambda: None)
    recogniser.load_state_dict(loop.average)
    return recogniser.eval()
