"""The one value that decides a picture."""

from __future__ import annotations

import dataclasses
import json
import secrets
from dataclasses import dataclass
from typing import Any

RANDOM_SEED = -1
MAX_SEED = 2**32 - 1


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

    ``seed`` is that of the first picture, each further one of the batch has the next; -1 stands
    for a seed to be chosen. ``reproducible`` asks for a run of its own: joined runs agree with
    it to about 1e-4, but not to the bit. With ``branch`` the run goes on from a step of another,
    under the settings here; size, batch, seed and model are then those of the other.
    """

    prompt: str = ""
    negative_prompt: str = ""
    model: str = "stepwise-embedded"
    sampler: str = "DPM++ 2M"
    schedule: str = "Automatic"
    steps: int = 24
    cfg_scale: float = 2.5
    width: int = 128
    height: int = 128
    batch_size: int = 1
    seed: int = RANDOM_SEED
    image: str = ""
    """SHA-256 of the picture to start from (``Studio.inputs`` has it); empty to start from noise."""
    strength: float = 0.6
    """With ``image``, the share of the steps that are taken: 1 noises it beyond recognition, near 0 it stays."""
    reproducible: bool = False
    branch: Branch | None = None

    def resolved(self) -> GenerationRequest:
        """The same request with a seed chosen, if it had none."""
        return self if self.seed != RANDOM_SEED else dataclasses.replace(self, seed=secrets.randbelow(MAX_SEED))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of every picture of the batch."""
        return _seeds(self.seed, self.batch_size)

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

    def batches(self, count: int) -> tuple[GenerationRequest, ...]:
        """``count`` requests whose seeds go on where the one before ended."""
        first = self.resolved()
        return tuple(
            dataclasses.replace(first, seed=(first.seed + index * self.batch_size) % (MAX_SEED + 1))
            for index in range(count)
        )

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
            return _from_values(json.loads(text))
        except (RecursionError, TypeError):
            raise ValueError("not a generation request") from None


def _seeds(first: int, count: int) -> tuple[int, ...]:
    return tuple((first + index) % (MAX_SEED + 1) for index in range(count))


def _sparse(request: GenerationRequest) -> dict[str, Any]:
    values = {name: getattr(request, name) for name in _DEFAULTS}
    if request.branch is not None:
        branch = request.branch
        values["branch"] = {"request": _sparse(branch.request), "at": branch.at, "noise_seed": branch.noise_seed}
    return {name: value for name, value in values.items() if value != _DEFAULTS[name]}


def _from_values(values: Any) -> GenerationRequest:
    if not isinstance(values, dict) or not values.keys() <= _DEFAULTS.keys():
        raise ValueError("not a generation request")
    if values.get("branch") is not None:
        values = values | {"branch": _branch_from(values["branch"])}
    return GenerationRequest(**values)


def _branch_from(values: Any) -> Branch:
    if not isinstance(values, dict):
        raise ValueError("not a branch")
    return Branch(**(values | {"request": _from_values(values.get("request"))}))


_DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(GenerationRequest)}
