"""What there is, as programs are told it, and pictures that nothing is painted for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image
from safetensors.numpy import save_file

from components.api.extras import MOST_SIDE
from studio.presets import SAMPLERS, SCHEDULES
from studio.sharing.roles import Role
from tests.components.api.client import Client, encoded, picture
from tests.components.serving import Serving
from tests.models.test_library import lora, pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("hidden-folder")
    lora(models / "fox.safetensors")
    pipeline(models / "mine", cross_attention_dim=768)
    save_file({"emb_params": numpy.zeros((3, 768), numpy.float16)}, models / "mood.safetensors")
    (models / "old.ckpt").write_bytes(b"\x80\x02}q\x00.")
    return models


@pytest.fixture(scope="module")
def serving(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("lists"), behind_proxy=True, api=True, models=(folder,))
    made.studio.library.rescan()
    made.studio.library.hash_files()
    yield made
    made.close()


def client(serving: Serving, role: Role) -> Client:
    return Client(serving.url, headers={"Authorization": f"Bearer {serving.token(role)}"})


@pytest.fixture
def owner(serving: Serving) -> Client:
    return client(serving, Role.OWNER)


@pytest.fixture
def guest(serving: Serving) -> Client:
    return client(serving, Role.ARTIST)


def test_models_are_told_with_their_place_to_whoever_runs_it_alone(owner: Client, guest: Client, folder: Path) -> None:
    told = {each["model_name"]: each for each in owner.get("sd-models")}
    assert {"stepwise-embedded", "stepwise-embedded-4-steps", "mine"} <= {*told}
    assert {*told["mine"]} == {"title", "model_name", "hash", "sha256", "filename", "config"}
    assert told["mine"]["filename"] == str(folder / "mine")
    assert owner.get("loras")[0]["path"] == str(folder / "fox.safetensors")
    for route in ("sd-models", "sd-vae", "loras", "embeddings", "prompt-styles", "options", "upscalers"):
        answer = guest.http.get(route)
        assert answer.status_code == 200
        assert folder.name not in answer.text
        assert "assets/embedded" not in answer.text
    assert [each["filename"] for each in guest.get("sd-models") if each["model_name"] == "mine"] == ["mine"]
    assert {each["sha256"] for each in guest.get("sd-models")} == {None}


def test_what_a_prompt_may_name(owner: Client) -> None:
    assert [(each["name"], each["alias"]) for each in owner.get("loras")] == [("fox", "fox")]
    embeddings = owner.get("embeddings")
    assert (embeddings["loaded"]["mood"]["vectors"], embeddings["loaded"]["mood"]["shape"]) == (3, 768)
    assert embeddings["skipped"] == {}
    night = next(each for each in owner.get("prompt-styles") if each["name"] == "Night")
    assert night == {"name": "Night", "prompt": "{prompt} at night", "negative_prompt": ""}


def test_samplers_schedule_types_and_upscalers_have_their_known_names(owner: Client) -> None:
    samplers = {each["name"]: each["aliases"] for each in owner.get("samplers")}
    assert samplers.keys() == SAMPLERS.keys()
    assert "k_euler_a" in samplers["Euler a"]
    assert [each["label"] for each in owner.get("schedulers")] == [*SCHEDULES]
    assert [each["name"] for each in owner.get("schedulers")][4:6] == ["polyexponential", "sgm_uniform"]
    assert [each["name"] for each in owner.get("upscalers")] == ["None", "Lanczos", "Nearest"]
    assert owner.get("sd-vae") == []


def test_nobody_paints_and_that_is_told(guest: Client) -> None:
    told = guest.get("progress")
    assert (told["progress"], told["eta_relative"], told["current_image"], told["textinfo"]) == (0, 0, None, None)
    assert not any(told["state"][name] for name in ("skipped", "interrupted", "job", "job_count", "sampling_step"))


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({"upscaler_1": "Lanczos"}, (20, 12)),
        ({"upscaler_1": "Nearest", "upscaling_resize": 1.5}, (15, 9)),
        ({"upscaler_1": "None", "upscaling_resize": 4}, (10, 6)),
        ({}, (10, 6)),
        ({"upscaler_1": "Lanczos", "upscaling_resize": 1}, (10, 6)),
        (
            {"upscaler_1": "Lanczos", "resize_mode": 1, "upscaling_resize_w": 30, "upscaling_resize_h": 30},
            (30, 30),
        ),
        (
            {
                "upscaler_1": "Lanczos",
                "resize_mode": 1,
                "upscaling_resize_w": 30,
                "upscaling_resize_h": 30,
                "upscaling_crop": False,
            },
            (30, 18),
        ),
    ],
)
def test_a_picture_is_made_larger(guest: Client, asked: dict[str, Any], size: tuple[int, int]) -> None:
    answer = guest.made("extra-single-image", asked | {"image": encoded(Image.linear_gradient("L").resize((10, 6)))})
    assert picture(answer["image"]).size == size
    assert answer["html_info"] == ""


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"upscaler_1": "R-ESRGAN 4x+"}, "there is no 'R-ESRGAN 4x+' here. There are: None, Lanczos, Nearest"),
        ({"gfpgan_visibility": 0.5}, "gfpgan_visibility asks for what is not here"),
        ({"upscaler_1": "Lanczos", "upscaling_resize": 10**400}, "upscaling_resize must be from 1 to 8"),
        ({"upscaler_1": "Lanczos", "upscaling_resize": 0.5}, "upscaling_resize must be from 1 to 8"),
        (
            {"upscaler_1": "Lanczos", "upscaling_resize": 8, "image": encoded(Image.new("L", (MOST_SIDE // 4, 8)))},
            f"at most {MOST_SIDE} px",
        ),
        ({"image": "https://example.com/x.png"}, "No address is fetched here"),
        ({"image": "bm9uZQ=="}, "no picture that can be read"),
        ({"image": 5}, "image must be text"),
    ],
)
def test_what_cannot_be_made_larger_is_said(guest: Client, asked: dict[str, Any], said: str) -> None:
    answer = guest.post("extra-single-image", {"image": encoded(Image.new("L", (8, 8)))} | asked)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_picture_without_settings_says_nothing_and_what_is_none_is_refused(guest: Client) -> None:
    assert guest.made("png-info", {"image": encoded(Image.new("L", (8, 8)))}) == {
        "info": "",
        "items": {},
        "parameters": {},
    }
    answer = guest.post("png-info", {"image": "bm9uZQ=="})
    assert (answer.status_code, answer.json()["detail"][:24]) == (422, "This file is not a PNG, ")
