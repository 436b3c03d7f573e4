"""What programs are answered, in the web UI's words. Pure."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from components.api.brought import encoded
from components.api.payload import VAE, Asked, Options, schedule_name
from components.api.values import Payload
from studio import Run
from studio.events import Event, Queued, Started, Step
from studio.presets import SAMPLERS, SCHEDULES, Fitting, samplers_of
from studio.request import GenerationRequest

VERSION = "Stepwise"
PICTURES = ("init_images", "mask", "latent_mask", "alwayson_scripts")
"""Of a payload: not sent back."""


def info(asked: Asked, request: GenerationRequest, runs: Sequence[Run], infotexts: Sequence[str]) -> str:
    """How the pictures of an answer were made, as JSON: ``request`` is the first batch's, ``runs`` those that were
    finished."""
    painted = [run.request for run in runs] or [request]
    first = painted[0]
    pictures = [each for each in painted for _ in range(each.batch_size)]
    hashes = [run.weights_hash() for run in runs]
    told = {
        "prompt": first.prompt,
        "all_prompts": [each.prompt for each in pictures],
        "negative_prompt": first.negative_prompt,
        "all_negative_prompts": [each.negative_prompt for each in pictures],
        "seed": first.seed,
        "all_seeds": [seed for each in painted for seed in each.seeds],
        "subseed": first.variation_seed,
        "all_subseeds": [seed for each in painted for seed in each.variation_seeds],
        "subseed_strength": first.variation_strength,
        "width": first.width,
        "height": first.height,
        "sampler_name": first.sampler,
        "cfg_scale": first.cfg_scale,
        "steps": first.steps,
        "batch_size": first.batch_size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": first.model,
        "sd_model_hash": hashes[0] if hashes else "",
        "sd_vae_name": first.vae or None,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": first.strength if first.image else None,
        "extra_generation_params": {"Schedule type": first.schedule},
        "index_of_first_image": 0,
        "infotexts": list(infotexts),
        "styles": list(asked.styles),
        "job_timestamp": time.strftime("%Y%m%d%H%M%S"),
        "clip_skip": first.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": VERSION,
    }
    return json.dumps(told)


def parameters(payload: Payload, asked: Asked) -> dict[str, Any]:
    """The payload with what was decided for it, and without its pictures."""
    request = asked.request
    decided = {
        "sampler_name": request.sampler,
        "scheduler": request.schedule,
        "n_iter": asked.count,
    }
    decided |= {name: getattr(request, name) for name in ("steps", "cfg_scale", "width", "height", "batch_size")}
    return {**payload, **decided, **{name: None for name in PICTURES if name in payload}}


def progress(run: Run | None, place: tuple[int, int], flags: tuple[bool, bool], pictured: bool) -> dict[str, Any]:
    """How far a run is that is the ``place[0]``th (from 0) of ``place[1]``, and whether it was skipped or
    interrupted; without a run, that nothing is painted."""
    events = run.events_after(0, 0) if run is not None else []
    step = next((event for event in reversed(events) if isinstance(event, Step)), None)
    done, total = (step.index + 1, step.total) if step else (0, _steps(events))
    number, count = place
    share = (number + (done / total if total else 0)) / count if run is not None else 0.0
    seen = next((each.preview for each in reversed(events) if isinstance(each, Step) and each.preview), None)
    state = {
        "skipped": flags[0],
        "interrupted": flags[1],
        "stopping_generation": False,
        "job": f"Batch {number + 1} out of {count}" if run is not None else "",
        "job_count": count if run is not None else 0,
        "job_timestamp": time.strftime("%Y%m%d%H%M%S") if run is not None else "0",
        "job_no": number if run is not None else 0,
        "sampling_step": done,
        "sampling_steps": total,
    }
    return {
        "progress": min(share, 1.0),
        "eta_relative": _left_s(events, step, count - number - 1),
        "state": state,
        "current_image": encoded(seen) if seen and pictured else None,
        "textinfo": _waits(events),
    }


def _steps(events: Sequence[Event]) -> int:
    return next((event.evaluations for event in events if isinstance(event, Started)), 0)


def _left_s(events: Sequence[Event], step: Step | None, further: int) -> float:
    if step is not None:
        return step.left_s + further * (step.elapsed_s + step.left_s)
    waits = events[-1] if events else None
    return waits.wait_s or 0.0 if isinstance(waits, Queued) else 0.0


def _waits(events: Sequence[Event]) -> str | None:
    waits = events[-1] if events else None
    return f"Waits behind {waits.ahead} others" if isinstance(waits, Queued) and waits.ahead else None


def samplers(fitting: Fitting | None) -> list[dict[str, Any]]:
    """Those that go with the chosen model, and the names they are known by."""
    offered = samplers_of(fitting)
    return [{"name": label, "aliases": SAMPLERS[label].aliases, "options": {}} for label in offered]


def schedulers() -> list[dict[str, Any]]:
    """All schedule types."""
    more = {"aliases": None, "default_rho": -1, "need_inner_model": False}
    return [{"name": schedule_name(label), "label": label, **more} for label in SCHEDULES]


def options(chosen: Options, title: str) -> dict[str, Any]:
    """Those of the web UI's settings that mean something here."""
    return {
        "sd_model_checkpoint": title,
        VAE: chosen.vae or "Automatic",
        "CLIP_stop_at_last_layers": chosen.clip_skip,
        "samples_format": "png",
        "enable_pnginfo": True,
        "return_grid": False,
        "randn_source": "CPU",
        "eta_noise_seed_delta": 0,
    }
