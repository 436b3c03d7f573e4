"""One finished picture as the history knows it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from studio.request import GenerationRequest


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A row of the history."""

    id: int
    """Microseconds since 1970, moved on where two fall together: the order of ids is that of making."""
    run: str
    owner: str
    path: str
    """Below the folder of outputs, with forward slashes."""
    request: str
    """JSON of the request that makes this picture; for one of a batch that is no branch, this picture alone."""
    prompt: str
    negative_prompt: str
    model: str
    model_hash: str
    sampler: str
    schedule: str
    steps: int
    cfg_scale: float
    seed: int
    width: int
    height: int
    bytes: int
    favourite: bool = False
    deleted: float | None = None
    """When it was thrown away, in seconds since 1970; None for what is there."""

    @property
    def made(self) -> float:
        """Seconds since 1970."""
        return self.id / 1_000_000

    @property
    def made_from(self) -> tuple[str, ...]:
        """Names of the brought pictures that it was made from: start, mask, control maps."""
        try:
            return GenerationRequest.from_json(self.request).pictures
        except ValueError:  # of another version
            return ()

    @classmethod
    def of(
        cls,
        request: GenerationRequest,
        seed: int,
        *,
        index: int = 0,
        made: float,
        run: str,
        owner: str,
        path: str,
        model_hash: str,
        size: int,
    ) -> Kept:
        """The row of the picture of a request with that seed, at that place in its batch; ``size`` is its
        file's, in bytes."""
        alone = request
        if request.branch is None:
            varied = request.variation_seeds[index] if request.variation_strength else request.variation_seed
            alone = dataclasses.replace(request, seed=seed, variation_seed=varied, batch_size=1)
        columns = ("prompt", "negative_prompt", "model", "sampler", "schedule", "steps", "cfg_scale", "width", "height")
        return cls(
            id=int(made * 1_000_000),
            run=run,
            owner=owner,
            path=path,
            request=alone.to_json(),
            model_hash=model_hash,
            seed=seed,
            bytes=size,
            **{name: getattr(request, name) for name in columns},
        )


COLUMNS = tuple(field.name for field in dataclasses.fields(Kept))
