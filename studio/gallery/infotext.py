"""Infotext: the settings of a picture as the AUTOMATIC1111 web UI writes them into its files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from studio.errors import RequestRefused
from studio.limits import Limits, check
from studio.presets import AUTOMATIC, SAMPLERS, labelled, schedules_of
from studio.request import MAX_SEED, TEMPLATES, GenerationRequest

CHUNK = "parameters"
"""The PNG text chunk it stands in."""
LONGEST = 200_000
PAIR = re.compile(r'(\w[\w \-/]{1,80}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""A key and its value. Keys are bounded, so that the time taken grows only with the text's length."""
NEGATIVE = "Negative prompt:"
LIMITS = Limits()
NUMBERS: tuple[tuple[str, str, Callable[[str], Any], tuple[float, float]], ...] = (
    ("Steps", "steps", int, (1, LIMITS.steps)),
    ("CFG scale", "cfg_scale", float, (0, LIMITS.cfg_scale)),
    ("Distilled CFG Scale", "distilled_cfg_scale", float, (0, LIMITS.cfg_scale)),
    ("Clip skip", "clip_skip", int, (1, LIMITS.clip_skip)),
    ("Frames", "frames", int, (1, LIMITS.frames)),
    ("FPS", "fps", int, (1, LIMITS.fps)),
    ("Seconds", "seconds", float, (0, LIMITS.seconds)),
    ("Seed", "seed", int, (0, MAX_SEED)),
    ("Denoising strength", "strength", float, (0.01, 1)),
    ("Variation seed", "variation_seed", int, (0, MAX_SEED)),
    ("Variation seed strength", "variation_strength", float, (0, 1)),
)
"""Keys, the request's fields, what their values are, and from where to where."""
CHOSEN = dict(zip(("Template", "Negative Template"), TEMPLATES.values(), strict=True))
"""Keys, as the dynamic-prompts extension has them, for what prompts were chosen from."""
UNSAID = GenerationRequest()
"""What a key that is not there stands for."""
LONGEST_NAME = 200
NO_VAE = ("", "Automatic", "None")
"""What the web UI calls the model's own."""
VAE_ENDING = re.compile(r"\.(?:safetensors|ckpt|pt|pth|bin)$")
FEWEST_PAIRS = 3
"""A last line with fewer pairs than this is part of the prompt."""


def of_request(
    request: GenerationRequest,
    index: int,
    model_hash: str,
    vae: tuple[str, str] = ("", ""),
    hashes: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The infotext of the picture at that place in the batch. ``vae`` is the file of the chosen VAE and its hash,
    ``hashes`` what ``hashes_of`` says of what the prompts name."""
    pairs = {
        "Steps": request.steps,
        "Sampler": request.sampler,
        "Schedule type": request.schedule,
        "CFG scale": repr(float(request.cfg_scale)).removesuffix(".0"),
        "Seed": request.seeds[index],
        "Size": f"{request.width}x{request.height}",
        "Model hash": model_hash,
        "Model": request.model,
        "RNG": "CPU",
        "Version": "Stepwise",
    }
    if request.vae:
        pairs |= {"VAE hash": vae[1], "VAE": vae[0] or request.vae}
    if request.clip_skip != UNSAID.clip_skip:
        pairs |= {"Clip skip": request.clip_skip}
    if request.distilled_cfg_scale != UNSAID.distilled_cfg_scale:
        pairs |= {"Distilled CFG Scale": request.distilled_cfg_scale}
    if request.frames > 1:
        pairs |= {"Frames": request.frames, "FPS": request.fps}
    if request.seconds:
        pairs |= {"Seconds": f"{request.seconds:g}"}
    if request.variation_strength:
        pairs |= {"Variation seed": request.variation_seeds[index]}
        pairs |= {"Variation seed strength": request.variation_strength}
    if request.image:
        pairs |= {"Denoising strength": request.strength, "Start picture": request.image}
    pairs |= hashes
    pairs |= {key: value for key, field in CHOSEN.items() if (value := getattr(request, field))}
    pairs |= _canvas(request)
    if request.branch is not None:
        pairs |= {"Branched at": request.branch.at}
    if request.branch is not None or request.image or request.control:
        # The web UI cannot say all of it: the whole request, from which the picture can be made again.
        pairs |= {"Stepwise": request.to_json()}
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"{NEGATIVE} {request.negative_prompt}")
    lines.append(", ".join(f"{key}: {_quoted(str(value))}" for key, value in pairs.items()))
    return "\n".join(lines)


def hashes_of(loras: Iterable[tuple[str, str]], inversions: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The pairs that tell which files the names of LoRAs and of textual inversions stood for, by the hashes given with
    them; of those without one nothing."""
    pairs = {}
    for key, given in (("Lora hashes", loras), ("TI hashes", inversions)):
        told = {re.sub("[:,]", "", name): digits for name, digits in given if digits}
        if told:
            pairs[key] = ", ".join(f"{name}: {digits}" for name, digits in told.items())
    return pairs


def _canvas(request: GenerationRequest) -> dict[str, Any]:
    """What was drawn, in the web UI's words."""
    pairs: dict[str, Any] = {}
    if (inpaint := request.inpaint) is not None:
        pairs |= {"Mask blur": inpaint.blur, "Masked content": inpaint.content}
        if inpaint.only_masked:
            pairs |= {"Inpaint area": "Only masked", "Masked area padding": inpaint.padding}
        if inpaint.soft:
            pairs |= {"Soft inpainting enabled": True}
    for number, unit in enumerate(request.control):
        pairs[f"ControlNet {number}"] = (
            f"Module: none, Model: {unit.model}, Weight: {unit.weight:g}, Resize Mode: {unit.resize_mode}, "
            f"Guidance Start: {unit.start:g}, Guidance End: {unit.end:g}, Control Mode: {unit.mode}"
        )
    return pairs


def _quoted(value: str) -> str:
    plain = value == value.strip() and not any(mark in value for mark in ',:\n"')
    return value if plain else json.dumps(value, ensure_ascii=False)


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value.strip()


def parse(text: str) -> dict[str, str]:
    """Settings by their infotext names, with "Prompt" and "Negative prompt". Never raises."""
    *lines, last = text[:LONGEST].strip().split("\n")
    pairs = PAIR.findall(last)
    if len(pairs) < FEWEST_PAIRS:
        lines, pairs = [*lines, last], []
    prompt, _, negative = ("\n" + "\n".join(lines)).partition("\n" + NEGATIVE)
    found = {key.strip(): _unquoted(value) for key, value in pairs}
    return {"Prompt": prompt.strip(), "Negative prompt": negative.strip()} | found


def to_fields(found: dict[str, str]) -> dict[str, Any]:
    """What of a parsed infotext a request has a field for. Values that are not what they should
    be, or outside the limits of a request, are left out."""
    fields: dict[str, Any] = {}
    for key, field in (("Prompt", "prompt"), ("Negative prompt", "negative_prompt")):
        fields[field] = found.get(key, "").encode(errors="replace").decode()[: LIMITS.prompt_characters]
    for key, field in CHOSEN.items():
        if key in found:
            fields[field] = found[key].encode(errors="replace").decode()[: LIMITS.prompt_characters]
    for key, field, kind, (least, most) in NUMBERS:
        try:
            value = kind(found[key])
        except (KeyError, ValueError):
            continue
        if least <= value <= most:
            fields[field] = value
    if match := re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", found.get("Size", "")):
        sides = int(match[1]), int(match[2])
        if all(LIMITS.smallest_side <= side <= LIMITS.side and side % 8 == 0 for side in sides):
            fields["width"], fields["height"] = sides
    solver = labelled({"sampler": found.get("Sampler", ""), "schedule": found.get("Schedule type", "")})
    if (sampler := solver["sampler"]) in SAMPLERS:
        fields["sampler"] = sampler
        fields["schedule"] = solver["schedule"] if solver["schedule"] in schedules_of(sampler) else AUTOMATIC
        if fields.get("steps", 0) > SAMPLERS[sampler].most_steps:
            del fields["steps"]
    if "Model" in found:
        fields["model"] = plain(found["Model"])
    if (vae := found.get("VAE", "")) not in NO_VAE:
        fields["vae"] = plain(VAE_ENDING.sub("", vae))
    return fields | _drawn(found.get("Stepwise", ""))


def plain(text: str) -> str:
    """A name as it may be shown and kept: not longer than names are, without broken characters."""
    return text.encode(errors="replace").decode()[:LONGEST_NAME]


def _drawn(text: str) -> dict[str, Any]:
    """The pictures, mask and control of a whole request, if there is one that is allowed."""
    names = ("image", "resize_mode", "inpaint", "control")
    try:
        request = GenerationRequest.from_json(text)
        drawn = {name: value for name in names if (value := getattr(request, name))}
        check(GenerationRequest(**drawn))
    except (ValueError, RequestRefused):
        return {}
    return drawn
