"""What programs may ask for that is not here: refused by its name, since without it the picture would be another. Pure.

Fields that nobody here knows are left out, as the web UI does.
"""

from __future__ import annotations

from typing import Any

from components.api.values import Payload, members
from studio.errors import RequestRefused

OFF: tuple[Any, ...] = (False, "", "None", [], {})
FIELDS: dict[str, tuple[Any, ...]] = {
    "enable_hr": OFF,
    "refiner_checkpoint": OFF,
    "script_name": OFF,
    "tiling": OFF,
    "restore_faces": OFF,
    "firstpass_image": OFF,
    "latent_mask": OFF,
    "disable_extra_networks": OFF,
    "seed_resize_from_w": (-1, 0),
    "seed_resize_from_h": (-1, 0),
    "s_churn": OFF,
    "s_min_uncond": OFF,
    "initial_noise_multiplier": (1,),
}
"""What of a payload is refused, unless it has one of these values."""
SETTINGS: dict[str, tuple[Any, ...]] = {
    "sd_unet": (*OFF, "Automatic"),
    "eta_noise_seed_delta": OFF,
    "initial_noise_multiplier": (1,),
    "img2img_color_correction": OFF,
    "token_merging_ratio": OFF,
    "token_merging_ratio_img2img": OFF,
    "tiling": OFF,
    "face_restoration": OFF,
    "eta_ancestral": (1,),
    "eta_ddim": (0,),
    "s_churn": OFF,
    "s_min_uncond": OFF,
    "randn_source": ("CPU",),
    "samples_format": ("png",),
    "use_old_emphasis_implementation": OFF,
}
"""The same of the web UI's settings."""
ETA = {"DDIM": 0, "DDPM": 1, "Euler a": 1, "DPM2 a": 1, "DPM++ SDE": 1, "DPM++ 2M SDE": 1, "DPM++ 2M SDE Heun": 1}
ETA |= {"DPM++ 3M SDE": 1}
"""How much noise these samplers add, as their papers have it; the others have nothing to set."""
CONTROLNET = "controlnet"


def refuse_unsupported(payload: Payload) -> None:
    """Accept a payload that asks for nothing that is not here.

    Raises:
        RequestRefused: for what is not, by its name.
    """
    _refuse(payload, FIELDS)
    refuse_settings(members(payload, "override_settings"))
    for name, script in members(payload, "alwayson_scripts").items():
        if name.lower() != CONTROLNET and _acts(script):
            raise RequestRefused("alwayson_scripts", f"alwayson_scripts: there is no {name[:60]!a} here: leave it out.")


def refuse_settings(settings: Payload) -> None:
    """Accept settings that ask for nothing that is not here.

    Raises:
        RequestRefused: for what is not, by its name.
    """
    _refuse(settings, SETTINGS)


def refuse_eta(payload: Payload, sampler: str) -> None:
    """Accept an ``eta`` that the sampler has anyway.

    Raises:
        RequestRefused: for another.
    """
    eta, own = payload.get("eta"), ETA.get(sampler)
    if None not in (eta, own) and eta != own:
        raise RequestRefused("eta", f"eta is always {own} with {sampler} here: leave it out.")


def _refuse(given: Payload, harmless: dict[str, tuple[Any, ...]]) -> None:
    for name, values in harmless.items():
        if given.get(name) is not None and given[name] not in values:
            raise RequestRefused(
                name, f"{name} is not here, and the picture would be another without it: leave it out."
            )


def _acts(script: Any) -> bool:
    """Whether an extension is asked to do anything: by its first argument the page switches it off."""
    arguments = script.get("args") if isinstance(script, dict) else script
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    if not isinstance(arguments, list) or not arguments:
        return bool(arguments)
    first = arguments[0]
    return first.get("enabled") is not False if isinstance(first, dict) else first not in (False, None)
