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
class GenerationRequest:
    """Everything that decides a picture; the same resolved value makes the same picture.

    ``seed`` is that of the first picture, each further one of the batch has the next; -1 stands
    for a seed to be chosen. ``reproducible`` asks for a run of its own: joined runs agree with
    it to about 1e-4, but not to the bit.
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
    reproducible: bool = False

    def resolved(self) -> GenerationRequest:
        """The same request with a seed chosen, if it had none."""
        return self if self.seed != RANDOM_SEED else dataclasses.replace(self, seed=secrets.randbelow(MAX_SEED))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of every picture of the batch."""
        return tuple((self.seed + index) % (MAX_SEED + 1) for index in range(self.batch_size))

    def batches(self, count: int) -> tuple[GenerationRequest, ...]:
        """``count`` requests whose seeds go on where the one before ended."""
        first = self.resolved()
        return tuple(
            dataclasses.replace(first, seed=(first.seed + index * self.batch_size) % (MAX_SEED + 1))
            for index in range(count)
        )

    def to_json(self) -> str:
        """Compact JSON of what differs from the defaults."""
        values = dataclasses.asdict(self)
        return json.dumps({key: values[key] for key in values if values[key] != _DEFAULTS[key]}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> GenerationRequest:
        """The request that ``to_json`` wrote.

        Raises:
            ValueError: if the text is no JSON object of this request's fields.
        """
        try:
            values: Any = json.loads(text)
        except RecursionError:
            raise ValueError("not a generation request") from None
        if not isinstance(values, dict) or not values.keys() <= _DEFAULTS.keys():
            raise ValueError("not a generation request")
        return cls(**values)


_DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(GenerationRequest)}
