"""A program as there are many for the web UI: bots and the plugins of Krita and Photoshop send what stands here."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

BOT = {
    "prompt": "a fox in the snow",
    "negative_prompt": "rain",
    "styles": [],
    "seed": -1,
    "subseed": -1,
    "subseed_strength": 0,
    "seed_resize_from_h": -1,
    "seed_resize_from_w": -1,
    "sampler_name": "Euler a",
    "scheduler": "Automatic",
    "batch_size": 1,
    "n_iter": 1,
    "steps": 2,
    "cfg_scale": 3,
    "width": 128,
    "height": 128,
    "restore_faces": False,
    "tiling": False,
    "do_not_save_samples": False,
    "do_not_save_grid": False,
    "eta": None,
    "denoising_strength": 0,
    "s_churn": 0,
    "s_tmax": 0,
    "s_tmin": 0,
    "s_noise": 1,
    "override_settings": {},
    "override_settings_restore_afterwards": True,
    "refiner_checkpoint": "",
    "refiner_switch_at": 0,
    "enable_hr": False,
    "hr_scale": 2,
    "hr_upscaler": "Latent",
    "hr_second_pass_steps": 0,
    "sampler_index": "Euler a",
    "script_name": "",
    "script_args": [],
    "send_images": True,
    "save_images": False,
    "alwayson_scripts": {},
}
"""All fields, with the values that clients have for those nobody touched."""
KRITA = {
    "prompt": "a dog",
    "negative_prompt": "",
    "sampler_name": "DPM++ 2M Karras",
    "steps": 3,
    "cfg_scale": 3,
    "seed": 7,
    "width": 128,
    "height": 128,
    "denoising_strength": 0.8,
    "resize_mode": 1,
    "mask_blur": 4,
    "inpainting_fill": 1,
    "inpaint_full_res": False,
    "inpainting_mask_invert": 0,
    "include_init_images": False,
    "override_settings": {"sd_model_checkpoint": "stepwise-embedded", "CLIP_stop_at_last_layers": 1},
}
"""A selection painted anew."""
PHOTOSHOP = {
    **KRITA,
    "inpaint_full_res": True,
    "inpaint_full_res_padding": 16,
    "inpainting_fill": 2,
    "alwayson_scripts": {
        "controlnet": {
            "args": [
                {
                    "enabled": True,
                    "module": "none",
                    "model": "stepwise-lines",
                    "weight": 0.7,
                    "resize_mode": "Crop and Resize",
                    "lowvram": False,
                    "processor_res": 512,
                    "threshold_a": -1,
                    "threshold_b": -1,
                    "guidance_start": 0,
                    "guidance_end": 1,
                    "control_mode": "Balanced",
                    "pixel_perfect": True,
                },
                {"enabled": False, "module": "none", "model": "None"},
            ]
        }
    },
}
"""The masked part alone, led by lines."""


class Client:
    """Speaks to /sdapi/v1/."""

    def __init__(self, url: str, **options: Any) -> None:
        self.http = httpx.Client(base_url=f"{url.rstrip('/')}/sdapi/v1/", timeout=300, **options)

    def post(self, route: str, payload: dict[str, Any] | None = None) -> httpx.Response:
        """The answer, whatever it is."""
        return self.http.post(route, json=payload or {})

    def get(self, route: str) -> Any:
        """What is answered."""
        answer = self.http.get(route)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def made(self, route: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What is painted."""
        answer = self.post(route, payload)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def picture(encoded: str) -> PngImageFile:
    """A picture that was answered."""
    opened = Image.open(io.BytesIO(base64.b64decode(encoded)))
    assert isinstance(opened, PngImageFile)
    return opened


def encoded(picture: Image.Image) -> str:
    """A picture as programs send it."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
