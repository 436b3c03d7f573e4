"""The one value that decides a picture."""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

RANDOM_SEED = -1
MAX_SEED = 2**32 - 1
RESIZE_MODES = ("Crop and resize", "Just resize", "Resize and fill")
MASKED_CONTENT = ("original", "fill", "latent noise", "latent nothing")
BALANCED, PROMPT_FIRST, CONTROL_FIRST = "Balanced", "My prompt is more important", "ControlNet is more important"
CONTROL_MODES = (BALANCED, PROMPT_FIRST, CONTROL_FIRST)
TEMPLATES = {"prompt": "template", "negative_prompt": "negative_template"}
"""Prompts, and where a request keeps from what they were chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inpaint:
    """Which part of the picture is painted anew, and from what."""

    mask: str
    """SHA-256 of a picture of the start picture's proportions: white is painted anew, black stays."""
    blur: int = 4
    """Deviation, in pixels of the mask, of the Gaussian that softens its edge."""
    content: str = "original"
    """What the masked part starts from: one of ``MASKED_CONTENT``."""
    only_masked: bool = False
    """Paint the masked part alone, at the request's whole size, and put it back into the picture."""
    padding: int = 32
    """With ``only_masked``, how many pixels of the picture around the mask are seen too."""
    soft: bool = False
    """Grey parts of the mask change less the darker they are; without, half grey or more is painted anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlUnit:
    """One ControlNet and what it follows."""

    model: str
    image: str
    """SHA-256 of its control map: a sketch, edges, a depth map."""
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    """From which to which share of the steps it acts."""
    mode: str = BALANCED
    resize_mode: str = RESIZE_MODES[0]

    def acts(self, steps: int) -> range:
        """At which of that many steps it acts, as diffusers' pipelines reckon it."""
        inside = [step for step in range(steps) if step / steps >= self.start and (step + 1) / steps <= self.end]
        return range(inside[0], inside[-1] + 1) if inside else range(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """Where a run leaves another: after the first ``at`` recorded steps of ``request``.

    With ``noise_seed`` the noise that samplers draw from there on comes from new generators (the
    first picture's has that seed, each further one the next); without, the old ones go on.
    """

    request: GenerationRequest
    at: int
    noise_seed: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """Everything that decides a picture; the same resolved value makes the same picture.

    ``seed`` is that of the first picture, each further one of the batch has the next, or, where
    they are variations, the next ``variation_seed``; -1 stands for a seed to be chosen.
    ``reproducible`` asks for a run of its own: joined runs agree with it to about 1e-4, but not
    to the bit. With ``branch`` the run goes on from a step of another, under the settings here;
    size, batch, seed and model are then those of the other.
    """

    prompt: str = ""
    negative_prompt: str = ""
    model: str = "stepwise-embedded"
    vae: str = ""
    """The autoencoder in the place of the model's own; empty for that."""
    sampler: str = "DPM++ 2M"
    schedule: str = "Automatic"
    steps: int = 24
    cfg_scale: float = 2.5
    distilled_cfg_scale: float = 3.5
    """The guidance that a model distilled from a guided one is told, such as FLUX.1 dev."""
    clip_skip: int = 1
    """From which layer of CLIP, counted from the last, the words are taken: 1 for the last itself."""
    width: int = 128
    height: int = 128
    frames: int = 1
    """How many pictures a film has; 1 for a picture."""
    fps: int = 16
    """Of a film, frames a second."""
    seconds: float = 0.0
    """How long a sound is; 0 for what is none."""
    batch_size: int = 1
    seed: int = RANDOM_SEED
    image: str = ""
    """SHA-256 of the picture to start from (``Studio.inputs`` has it); empty to start from noise."""
    strength: float = 0.6
    """With ``image``, the share of the steps that are taken: 1 noises it beyond recognition, near 0 it stays."""
    resize_mode: str = RESIZE_MODES[0]
    """How ``image`` comes to the size of the request."""
    inpaint: Inpaint | None = None
    """With ``image``, which part of it is painted anew; all of it without."""
    control: tuple[ControlUnit, ...] = ()
    variation_seed: int = 0
    variation_strength: float = 0.0
    """How far the starting noise goes from that of ``seed`` to that of ``variation_seed``, 0 to 1."""
    reproducible: bool = False
    branch: Branch | None = None
    template: str = ""
    negative_template: str = ""
    """What was written where prompts were chosen from alternatives and wildcards; they decide nothing more."""

    def resolved(self) -> GenerationRequest:
        """The same request with a seed chosen, if it had none."""
        return self if self.seed != RANDOM_SEED else dataclasses.replace(self, seed=secrets.randbelow(MAX_SEED))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of every picture of the batch."""
        return (self.seed,) * self.batch_size if self.variation_strength else _seeds(self.seed, self.batch_size)

    @property
    def variation_seeds(self) -> tuple[int, ...]:
        """The seed that each picture of the batch varies towards."""
        return _seeds(self.variation_seed, self.batch_size)

    @property
    def noise_seeds(self) -> tuple[int, ...]:
        """The seed of every picture's noise to come."""
        branch = self.branch
        if branch is None:
            return self.seeds
        return branch.request.noise_seeds if branch.noise_seed is None else _seeds(branch.noise_seed, self.batch_size)

    @property
    def skipped(self) -> int:
        """How many steps the picture it starts from stands in for."""
        return self.steps - min(int(self.steps * self.strength), self.steps) if self.image else 0

    @property
    def solver(self) -> tuple[str, str, int]:
        """What decides at which noise levels the model is asked, and how its answers are used."""
        return self.sampler, self.schedule, self.steps

    @property
    def decoded_with(self) -> GenerationRequest:
        """Its model and VAE alone, which its latents are decoded with."""
        return GenerationRequest(model=self.model, vae=self.vae)

    def batches(self, count: int) -> tuple[GenerationRequest, ...]:
        """``count`` requests whose seeds go on where the one before ended."""
        first, field = self.resolved(), "variation_seed" if self.variation_strength else "seed"
        return tuple(
            dataclasses.replace(first, **{field: (getattr(first, field) + index * self.batch_size) % (MAX_SEED + 1)})  # type: ignore[arg-type]
            for index in range(count)
        )

    @property
    def pictures(self) -> tuple[str, ...]:
        """The SHA-256 of every picture that it names."""
        mask = (self.inpaint.mask,) if self.inpaint else ()
        start = (self.image,) if self.image else ()
        return (*start, *mask, *(unit.image for unit in self.control))

    def to_json(self) -> str:
        """Compact JSON of what differs from the defaults."""
        return json.dumps(_sparse(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> GenerationRequest:
        """The request that ``to_json`` wrote.

        Raises:
            ValueError: if the text is no JSON object of this request's fields.
        """
        try:
            request: GenerationRequest = _from_values(cls, json.loads(text))
            return request
        except (RecursionError, TypeError):
            raise ValueError("not a generation request") from None


def _seeds(first: int, count: int) -> tuple[int, ...]:
    return tuple((first + index) % (MAX_SEED + 1) for index in range(count))


def _sparse(value: Any) -> dict[str, Any]:
    """The fields of a frozen value that differ from their defaults, nested ones alike."""
    told = {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if item == field.default:
            continue
        if isinstance(item, tuple):
            item = [_sparse(each) for each in item]
        told[field.name] = _sparse(item) if dataclasses.is_dataclass(item) else item
    return told


def _from_values(kind: type[Any], values: Any) -> Any:
    if not isinstance(values, dict) or not values.keys() <= {field.name for field in dataclasses.fields(kind)}:
        raise ValueError("not a generation request")
    nested = {
        name: _from_values(_NESTED[name], value) if name != "control" else tuple(_units(value))
        for name, value in values.items()
        if name in _NESTED and value is not None
    }
    return kind(**(values | nested))


def _units(values: Any) -> Iterator[ControlUnit]:
    if not isinstance(values, list):
        raise ValueError("not a list of control units")
    for value in values:
        yield _from_values(ControlUnit, value)


_NESTED: dict[str, type[Any]] = {
    "branch": Branch,
    "request": GenerationRequest,
    "inpaint": Inpaint,
    "control": ControlUnit,
}
"""Which fields hold values of their own, and of which kind."""
