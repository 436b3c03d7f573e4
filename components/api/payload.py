"""What a program asks for in the web UI's words, read into a request. Pure, but for what it looks up ``Here``."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components.api.units import Followed, units
from components.api.unsupported import refuse_eta, refuse_settings, refuse_unsupported
from components.api.values import Payload, choice, flag, members, number, text, texts, whole
from studio import limits
from studio.errors import ModelUnavailable, RequestRefused
from studio.gallery import infotext
from studio.presets import AUTOMATIC, SCHEDULES, known_as
from studio.request import MAX_SEED, RANDOM_SEED, TEMPLATES, GenerationRequest, Inpaint

RESIZE = ("Just resize", "Crop and resize", "Resize and fill")
"""In the web UI's order."""
MASKED = ("fill", "original", "latent noise", "latent nothing")
MOST_BATCHES = 16
STRENGTH = 0.75
HASHED = re.compile(r"\s*\[[0-9a-f]{6,64}\]\s*$")
"""What the web UI adds to a model's name."""
CHECKPOINT, VAE, CLIP_SKIP = "sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers"
LEFT_OUT = ("image", "inpaint", "control", "resize_mode", "strength", *TEMPLATES.values())
"""Of an infotext: what it says of pictures, which a payload brings itself, and what its prompt was chosen from."""


@dataclass(frozen=True)
class Options:
    """What somebody has chosen for all that they ask for."""

    model: str = GenerationRequest().model
    vae: str = ""
    clip_skip: int = 1


@dataclass(frozen=True, kw_only=True)
class Here:
    """What a payload's words are looked up in."""

    chosen: Options
    models: Mapping[str, str]
    """The hash of every model that can be painted, by its name; empty where it is not known."""
    fitted: Callable[[str], GenerationRequest]
    """The settings that a model was made for."""
    picture: Callable[[str], str]
    """Keeps a picture in base64; its name."""
    mask: Callable[[str, bool], str]
    """Keeps a mask, turned round or not; its name."""
    followed: Followed
    """Keeps what a ControlNet follows; its name."""


@dataclass(frozen=True)
class Asked:
    """What a payload asks for."""

    request: GenerationRequest
    styles: tuple[str, ...]
    """To be put into its prompts."""
    count: int
    """Batches, one after another."""
    send: bool
    save: bool
    """Whether its pictures stay in the gallery."""


def read(payload: Payload, here: Here, from_picture: bool) -> Asked:
    """What a payload asks for; what it leaves out is as its model was made for, and as was chosen before.

    Raises:
        StudioError: for what is not here, or no value of its field.
    """
    refuse_unsupported(payload)
    told = infotext.to_fields(infotext.parse(text(payload, "infotext"))) if payload.get("infotext") else {}
    told = {name: value for name, value in told.items() if name not in LEFT_OUT}
    chosen = with_settings(here.chosen, members(payload, "override_settings"), here.models)
    fields = dataclasses.asdict(chosen) | _model_told(told, payload, here)
    fields = _fitted(here.fitted(fields["model"])) | told | fields | _plain(payload) | _solver(payload)
    fields |= _seeds(payload, fields)
    refuse_eta(payload, fields["sampler"])
    count, styles = whole(payload, "n_iter", 1, 1, MOST_BATCHES), texts(payload, "styles")
    send, save = flag(payload, "send_images", True), flag(payload, "save_images", False)
    limits.check(GenerationRequest(**fields))  # before any picture is kept
    start = _start(payload, here) if from_picture else {}
    control = units(payload, here.followed, payload["init_images"][0] if from_picture else "")
    return Asked(GenerationRequest(**fields, **start, control=control), styles, count, send, save)


def with_settings(options: Options, settings: Payload, models: Mapping[str, str]) -> Options:
    """The options with those changed that are among the settings; others are left alone.

    Raises:
        StudioError: for what is not here, or no value of its setting.
    """
    refuse_settings(settings)
    if settings.get(CHECKPOINT):
        options = dataclasses.replace(options, model=model_of(text(settings, CHECKPOINT), models))
    if settings.get(VAE) is not None:
        vae = text(settings, VAE)
        options = dataclasses.replace(options, vae="" if vae in infotext.NO_VAE else infotext.VAE_ENDING.sub("", vae))
    most = limits.Limits().clip_skip
    return dataclasses.replace(options, clip_skip=whole(settings, CLIP_SKIP, options.clip_skip, 1, most))


def model_of(asked: str, models: Mapping[str, str]) -> str:
    """The model that is meant, by its name, with or without ending and hash, or by its hash.

    Raises:
        ModelUnavailable: if there is none.
    """
    bare = infotext.VAE_ENDING.sub("", HASHED.sub("", asked)).strip()
    for name in (asked, bare, bare.replace("\\", "/").rpartition("/")[2]):
        if name in models:
            return name
    found = [name for name, known in models.items() if known and asked.strip("[] ").lower() == known]
    if not found:
        raise ModelUnavailable(f"{CHECKPOINT}: there is no model {asked[:200]!a}. There are: {', '.join(models)}.")
    return found[0]


def _model_told(told: dict[str, Any], payload: Payload, here: Here) -> dict[str, Any]:
    """What an infotext says of the model, where the payload itself does not."""
    settings = members(payload, "override_settings")
    said = {"model": CHECKPOINT, "vae": VAE, "clip_skip": CLIP_SKIP}
    found = {name: told.pop(name) for name in said if name in told}
    if found.get("model") not in here.models:
        found.pop("model", None)
    return {name: value for name, value in found.items() if not settings.get(said[name])}


def _fitted(request: GenerationRequest) -> dict[str, Any]:
    names = ("sampler", "schedule", "steps", "cfg_scale", "distilled_cfg_scale", "width", "height")
    return {name: getattr(request, name) for name in (*names, "frames", "fps", "seconds")}


def _plain(payload: Payload) -> dict[str, Any]:
    """Fields that the request calls the same."""
    said = {name for name, value in payload.items() if value is not None}
    fields: dict[str, Any] = {name: text(payload, name) for name in ("prompt", "negative_prompt") if name in said}
    numbers = ("steps", "cfg_scale", "distilled_cfg_scale", "width", "height", "batch_size")
    return fields | {name: number(payload, name, 0) for name in numbers if name in said}


def _solver(payload: Payload) -> dict[str, Any]:
    """Sampler and schedule type, under any name that they have or had."""
    label = text(payload, "sampler_name") or text(payload, "sampler_index")
    named = text(payload, "scheduler")
    if not label:
        return {"schedule": _schedule(named)} if named else {}
    sampler, fused = known_as(label)
    return {"sampler": sampler, "schedule": _schedule(named, fused or AUTOMATIC) if named else fused or AUTOMATIC}


def _schedule(named: str, automatic: str = AUTOMATIC) -> str:
    """A schedule type by its label or by its name in the API; another is left for the limits to refuse."""
    found = next((label for label in SCHEDULES if schedule_name(label) == schedule_name(named)), named)
    return automatic if found == AUTOMATIC else found


def schedule_name(label: str) -> str:
    """What the API calls a schedule type."""
    return label.strip().lower().replace(" ", "_")


def _seeds(payload: Payload, fields: Mapping[str, Any]) -> dict[str, Any]:
    seed = number(payload, "seed", fields.get("seed", RANDOM_SEED))
    strength = number(payload, "subseed_strength", fields.get("variation_strength", 0))
    subseed = number(payload, "subseed", fields.get("variation_seed", RANDOM_SEED))
    if not strength:
        return {"seed": seed, "variation_seed": 0, "variation_strength": 0.0}
    varied = secrets.randbelow(MAX_SEED) if subseed == RANDOM_SEED else subseed
    return {"seed": seed, "variation_seed": varied, "variation_strength": strength}


def _start(payload: Payload, here: Here) -> dict[str, Any]:
    """The picture to start from, and what of it is painted anew."""
    pictures = texts(payload, "init_images")
    if len(pictures) != 1:
        raise RequestRefused("init_images", "init_images must hold one picture.")
    fields = {"resize_mode": choice(payload, "resize_mode", RESIZE, RESIZE[0])}
    fields |= {"strength": number(payload, "denoising_strength", STRENGTH)}
    inpaint = _inpaint(payload) if payload.get("mask") else None
    fields |= {"image": here.picture(pictures[0])}
    if inpaint is None:
        return fields
    inverted = flag(payload, "inpainting_mask_invert", False)
    return fields | {"inpaint": dataclasses.replace(inpaint, mask=here.mask(text(payload, "mask"), inverted))}


def _inpaint(payload: Payload) -> Inpaint:
    """All that is said of a mask but the mask itself. What is left out is as in the web UI's API, not as on pages."""
    only_masked = flag(payload, "inpaint_full_res", True)
    return Inpaint(
        mask="",
        blur=_blur(payload),
        content=choice(payload, "inpainting_fill", MASKED, MASKED[0]),
        only_masked=only_masked,
        padding=number(payload, "inpaint_full_res_padding", 0) if only_masked else Inpaint(mask="").padding,
        soft=not flag(payload, "mask_round", True),
    )


def _blur(payload: Payload) -> Any:
    if payload.get("mask_blur") is not None:
        return number(payload, "mask_blur", 0)
    across, down = (number(payload, f"mask_blur_{axis}", Inpaint(mask="").blur) for axis in "xy")
    if across != down:
        raise RequestRefused("mask_blur_x", "mask_blur_x and mask_blur_y are the same here: send mask_blur.")
    return across
