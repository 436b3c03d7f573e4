"""Settings that name what is not here: what stands in for it, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.fitting import OWN_VAE
from studio.gallery.infotext import plain
from studio.models.family import Kind
from studio.models.library import EMBEDDED, Library
from studio.presets import AUTOMATIC, SAMPLERS, SCHEDULES, labelled, samplers_of, schedules_of
from studio.request import GenerationRequest

UNSAID = GenerationRequest()


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a picture says that it was made with and a request has no room for; empty where it says nothing."""

    model_hash: str = ""
    sampler: str = ""
    schedule: str = ""
    """Both as they are called there, known here or not."""

    @classmethod
    def of(cls, found: Mapping[str, str]) -> Named:
        """What a parsed infotext names."""
        told = {"sampler": found.get("Sampler", ""), "schedule": found.get("Schedule type", "")}
        solver = {name: plain(label) for name, label in labelled(told).items()}
        return cls(model_hash=plain(found.get("Model hash", "")), **solver)


def standing_in(
    library: Library, fields: Mapping[str, Any], named: Named, chosen: str
) -> tuple[dict[str, Any], list[str]]:
    """A request's fields with something that is here in the place of all that is not, and a sentence on each such
    thing. In the place of a model it is the one that is ``chosen``."""
    asked, told = fields.get("model", ""), []
    found = library.known_as(asked, named.model_hash)
    model = found or (chosen if chosen in library.names else EMBEDDED)
    if not found and (label := asked or named.model_hash):
        told.append(f"The model {label!r} is not here: bring it, or paint with {model!r}, which is chosen.")
    solver, on_solver = _solver(library, fields, named, model)
    vae, vaes = fields.get("vae", ""), library.vaes(model)
    if vae and vae not in vaes:
        why = f"does not go with {model!r}" if vae in library.of_kind(Kind.VAE) else "is not here"
        told.append(f"The VAE {vae!r} {why}: bring one that does, or paint with {OWN_VAE}, which is chosen.")
    return {**fields, **solver, "model": model, "vae": vae if vae in vaes else ""}, told + on_solver


def _solver(library: Library, fields: Mapping[str, Any], named: Named, model: str) -> tuple[dict[str, str], list[str]]:
    """Sampler and schedule type for a model, and a sentence on each that is another than the one that is named."""
    fits, told = library.fitting(model), []
    asked, offered = named.sampler or fields.get("sampler", ""), samplers_of(fits)
    sampler = asked or UNSAID.sampler
    if sampler not in offered:
        sampler = fits.sampler if fits is not None else offered[0]
    if asked not in ("", sampler):
        why = f"does not go with {model!r}" if asked in SAMPLERS else "is not here"
        told.append(f"The sampler {asked!r} {why}: {sampler!r} stands in for it, unless you choose another.")
    asked = named.schedule or fields.get("schedule", "")
    schedule = asked if asked in schedules_of(sampler) else AUTOMATIC
    if asked not in ("", schedule):
        why = f"does not go with {sampler!r}" if asked in SCHEDULES else "is not here"
        told.append(f"The schedule type {asked!r} {why}: {schedule!r} stands in for it, unless you choose another.")
    return {"sampler": sampler, "schedule": schedule}, told
