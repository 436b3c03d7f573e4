"""Payloads, read into requests: what programs send, what nobody should, and what is refused by its name."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.api import answers
from components.api.bodies import parsed
from components.api.payload import Asked, Here, Options, read, with_settings
from components.api.unsupported import ETA, FIELDS, SETTINGS
from components.api.values import Payload
from studio import limits
from studio.errors import ModelUnavailable, RequestRefused, StudioError
from studio.gallery import infotext
from studio.presets import SAMPLERS, SCHEDULES
from studio.request import CONTROL_MODES, MAX_SEED, RANDOM_SEED, ControlUnit, GenerationRequest, Inpaint

MODELS = {"dreamshaper": "0123456789", "stepwise-embedded": "", "folder.v2": "abcdef0123"}
CHOSEN = Options(model="dreamshaper", vae="soft", clip_skip=2)
FITTED = GenerationRequest(sampler="Euler a", steps=30, cfg_scale=6.5, width=512, height=768)


def name_of(*sent: object) -> str:
    """What a picture is kept under; another one for everything that was done with it."""
    return hashlib.sha256(repr(sent).encode()).hexdigest()


HERE = Here(
    chosen=CHOSEN,
    models=MODELS,
    fitted=lambda model: dataclasses.replace(FITTED, model=model),
    picture=name_of,
    mask=name_of,
    followed=name_of,
)


def asked(payload: Payload, from_picture: bool = False) -> Asked:
    return read(payload, HERE, from_picture)


def request(**payload: Any) -> GenerationRequest:
    return asked(payload, "init_images" in payload).request


def test_what_is_left_out_is_as_its_model_was_made_for_and_as_was_chosen() -> None:
    fitted = dataclasses.replace(FITTED, model="dreamshaper", vae="soft", clip_skip=2)
    assert asked({}) == Asked(fitted, (), 1, True, False)
    assert request(prompt=None, steps=None, styles=None, override_settings=None, alwayson_scripts=None) == fitted
    assert request(steps=12.0, width=64.0).steps == 12


def test_every_field_has_its_place() -> None:
    payload = {
        "prompt": "a cat",
        "negative_prompt": "a dog",
        "styles": ["Night", "Rain"],
        "seed": 7,
        "subseed": 9,
        "subseed_strength": 0.25,
        "sampler_name": "k_dpmpp_2m",
        "scheduler": "sgm_uniform",
        "batch_size": 3,
        "n_iter": 2,
        "steps": 20,
        "cfg_scale": 7,
        "width": 256,
        "height": 192,
        "override_settings": {
            "sd_model_checkpoint": "folder.v2 [abcdef0123]",
            "sd_vae": "Automatic",
            "CLIP_stop_at_last_layers": 1,
        },
        "send_images": False,
        "save_images": True,
    }
    wanted = GenerationRequest(
        prompt="a cat",
        negative_prompt="a dog",
        model="folder.v2",
        sampler="DPM++ 2M",
        schedule="SGM Uniform",
        steps=20,
        cfg_scale=7,
        width=256,
        height=192,
        batch_size=3,
        seed=7,
        variation_seed=9,
        variation_strength=0.25,
    )
    assert asked(payload) == Asked(wanted, ("Night", "Rain"), 2, False, True)


@pytest.mark.parametrize(
    ("payload", "sampler", "schedule"),
    [
        ({"sampler_name": "Euler a"}, "Euler a", "Automatic"),
        ({"sampler_name": "DPM++ 2M Karras"}, "DPM++ 2M", "Karras"),
        ({"sampler_name": "DPM++ 2M Karras", "scheduler": "automatic"}, "DPM++ 2M", "Karras"),
        ({"sampler_name": "DPM++ 2M Karras", "scheduler": "Exponential"}, "DPM++ 2M", "Exponential"),
        ({"sampler_index": "Heun"}, "Heun", "Automatic"),
        ({"sampler_name": "LMS", "sampler_index": "Euler"}, "LMS", "Automatic"),
        ({"sampler_name": None, "sampler_index": "k_lms", "scheduler": None}, "LMS", "Automatic"),
        ({"scheduler": "kl_optimal"}, "Euler a", "KL Optimal"),
    ],
)
def test_samplers_and_schedule_types_go_by_all_of_their_names(
    payload: dict[str, Any], sampler: str, schedule: str
) -> None:
    read_as = request(**payload)
    assert (read_as.sampler, read_as.schedule) == (sampler, schedule)


def test_what_the_lists_name_can_be_asked_for() -> None:
    for each in answers.samplers(None):
        for name in (each["name"], *each["aliases"]):
            assert request(sampler_name=name, steps=9).sampler == each["name"]
    labels = [request(scheduler=each["name"]).schedule for each in answers.schedulers()]
    assert labels == [each["label"] for each in answers.schedulers()] == list(SCHEDULES)
    assert {each["name"] for each in answers.samplers(None)} == {*SAMPLERS}


@pytest.mark.parametrize(
    "named", ["folder.v2", "folder.v2.safetensors", "SD\\folder.v2.ckpt [abcdef0123]", "abcdef0123"]
)
def test_a_model_goes_by_name_file_title_and_hash(named: str) -> None:
    assert request(override_settings={"sd_model_checkpoint": named}).model == "folder.v2"


def test_settings_change_what_they_name_alone() -> None:
    assert with_settings(CHOSEN, {}, MODELS) == CHOSEN
    assert with_settings(CHOSEN, {"sd_vae": "None", "unknown": 1}, MODELS) == dataclasses.replace(CHOSEN, vae="")
    assert with_settings(CHOSEN, {"sd_vae": "kl.safetensors"}, MODELS).vae == "kl"
    assert with_settings(CHOSEN, answers.options(CHOSEN, "dreamshaper [0123456789]"), MODELS) == CHOSEN
    with pytest.raises(ModelUnavailable, match=r"no model 'nope'\. There are: dreamshaper"):
        with_settings(CHOSEN, {"sd_model_checkpoint": "nope"}, MODELS)


def test_a_seed_is_chosen_where_none_is_given_and_a_variation_only_where_it_counts() -> None:
    assert request().seed == request(seed=-1).seed == request(seed=None).seed == RANDOM_SEED
    assert request(subseed=5).variation_seed == 0, "it would decide nothing"
    drawn = [request(subseed=-1, subseed_strength=0.5).variation_seed for _ in range(4)]
    assert len({*drawn}) > 1
    assert all(0 <= seed <= MAX_SEED for seed in drawn)


def test_a_picture_and_its_mask_are_as_in_the_web_uis_api() -> None:
    assert request(init_images=["p"]) == dataclasses.replace(
        request(), image=name_of("p"), strength=0.75, resize_mode="Just resize"
    )
    masked = request(init_images=["p"], mask="m", denoising_strength=0.5, resize_mode=2)
    assert (masked.strength, masked.resize_mode) == (0.5, "Resize and fill")
    assert masked.inpaint == Inpaint(mask=name_of("m", False), blur=4, content="fill", only_masked=True, padding=0)
    all_of_it = {"mask_blur": 9, "inpainting_fill": 2, "inpaint_full_res": 0, "inpainting_mask_invert": 1}
    other = request(init_images=["p"], mask="m", mask_round=False, **all_of_it)
    assert other.inpaint == Inpaint(mask=name_of("m", True), blur=9, content="latent noise", soft=True)
    assert request(init_images=["p"], mask="m", inpaint_full_res_padding=16).inpaint == dataclasses.replace(
        masked.inpaint, padding=16
    )
    assert request(mask="m", denoising_strength=0.5) == request(), "without a picture there is nothing to mask"


def test_controlnets_are_as_in_the_web_uis_extension() -> None:
    full = {
        "module": "canny",
        "model": "lines [0123456]",
        "weight": 0.5,
        "guidance_start": 0.1,
        "guidance_end": 0.9,
        "control_mode": 2,
        "resize_mode": "Just Resize",
        "processor_res": 512,
        "image": "c",
    }
    other = {"model": "lines", "control_mode": "my prompt is more important", "pixel_perfect": True, "input_image": "d"}
    off = [{"enabled": False, "model": "x"}, {"model": "None"}, {}]
    scripts = {"ControlNet": {"args": [full, *off, other | {"module": "lineart_anime", "processor_res": 64}]}}
    assert request(alwayson_scripts=scripts).control == (
        ControlUnit(
            model="lines",
            image=name_of("Canny edges", "c", 512),
            weight=0.5,
            start=0.1,
            end=0.9,
            mode=CONTROL_MODES[2],
            resize_mode="Just resize",
        ),
        ControlUnit(model="lines", image=name_of("Line art (anime)", "d", 0), mode=CONTROL_MODES[1]),
    )
    led = request(init_images=["p"], alwayson_scripts={"controlnet": {"args": [{"model": "lines"}]}})
    assert led.control[0].image == name_of("None", "p", 0), "without a picture it follows that of the run"


@pytest.mark.parametrize("name", FIELDS)
def test_what_is_not_here_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(RequestRefused, match=f"^{name} is not here"):
        request(**{name: 7.5})
    for harmless in (None, *FIELDS[name]):
        assert request(**{name: harmless}) == request()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_not_here_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(RequestRefused, match=f"^{name} is not here"):
        request(override_settings={name: "other"})
    for harmless in (None, *SETTINGS[name]):
        assert request(override_settings={name: harmless}) == request()


def test_eta_is_refused_where_it_would_mean_something_else() -> None:
    for sampler in SAMPLERS:
        assert request(sampler_name=sampler, steps=9, eta=ETA.get(sampler, 0.3)).sampler == sampler
    with pytest.raises(RequestRefused, match=r"^eta is always 1 with Euler a"):
        request(sampler_name="Euler a", eta=0)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"sampler_name": "Restart"}, "no sampler of that name. Offered: DPM"),
        ({"sampler_name": "DDIM", "scheduler": "karras"}, "DDIM goes with these schedule types: Automatic"),
        ({"scheduler": "align_your_steps"}, "goes with these schedule types"),
        ({"sampler_name": 3}, "^sampler_name must be text"),
        ({"steps": "20"}, "^steps must be a number"),
        ({"steps": 0}, "^Steps must be from 1"),
        ({"cfg_scale": 10**400}, "^CFG scale must be from 0"),
        ({"width": 100}, "^Width must be a multiple of 8: try 96"),
        ({"seed": 2**32}, "^Seed must be from 0"),
        ({"n_iter": 17}, "^n_iter must be a whole number from 1 to 16"),
        ({"n_iter": True}, "^n_iter must be a number"),
        ({"styles": "Night"}, "^styles must be a list of texts"),
        ({"send_images": "yes"}, "^send_images must be true or false"),
        ({"override_settings": []}, "^override_settings must be an object"),
        ({"override_settings": {"CLIP_stop_at_last_layers": 99}}, "^CLIP_stop_at_last_layers must be a whole number"),
        ({"alwayson_scripts": {"ADetailer": {"args": [True, {}]}}}, "^alwayson_scripts: there is no 'ADetailer' here"),
        ({"alwayson_scripts": {"controlnet": {"args": {}}}}, "controlnet.args must be a list of units"),
        ({"init_images": []}, "^init_images must hold one picture"),
        ({"init_images": ["a", "b"]}, "^init_images must hold one picture"),
        ({"init_images": ["a"], "resize_mode": 3}, "^resize_mode is one of: 0 .Just resize"),
        ({"init_images": ["a"], "mask": "m", "mask_blur_x": 1}, "^mask_blur_x and mask_blur_y are the same"),
        ({"init_images": ["a"], "mask": 4}, "^mask must be text"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(payload: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestRefused, match=said):
        request(**payload)


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ({"module": "reference_only"}, "^module: there is no preprocessor 'reference_only'. There are: none, invert"),
        ({"module": "openpose"}, "^module"),
        ({"module": "canny", "threshold_a": 50}, "^threshold_a is always 100 with Canny edges"),
        ({"processor_res": 9999}, "^processor_res must be"),
        ({"control_mode": 7}, "^control_mode is one of"),
        ({"image": {"image": "c", "mask": "m"}}, "^mask: a ControlNet follows the whole"),
        ({"image": None}, "^image: a ControlNet needs a picture"),
        ({"image": 3}, "^image: a ControlNet needs a picture"),
        ({"weight": "1"}, "^weight must be a number"),
    ],
)
def test_what_a_controlnet_cannot_is_refused(unit: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestRefused, match=said):
        request(alwayson_scripts={"controlnet": {"args": [{"model": "lines", "image": "c"} | unit]}})


def test_extensions_that_are_switched_off_are_left_out() -> None:
    scripts = {"ADetailer": {"args": [False, {}]}, "Tiled": {"args": []}, "x": {"args": [{"enabled": False}]}}
    assert request(alwayson_scripts=scripts) == request()


@pytest.mark.parametrize("content", [b"[]", b"{", b"3", b'{"a": NaN}', b"\xff", b"[" * 10_000])
def test_a_body_is_an_object_of_finite_numbers(content: bytes) -> None:
    with pytest.raises(RequestRefused, match="Send an object as JSON"):
        parsed(content)


FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | st.integers() | FINITE | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    "prompt",
    "negative_prompt",
    "styles",
    "seed",
    "subseed",
    "subseed_strength",
    "sampler_name",
    "sampler_index",
    "scheduler",
    "batch_size",
    "n_iter",
    "steps",
    "cfg_scale",
    "width",
    "height",
    "override_settings",
    "eta",
    "init_images",
    "mask",
    "mask_blur",
    "mask_blur_x",
    "inpainting_fill",
    "inpaint_full_res",
    "inpaint_full_res_padding",
    "inpainting_mask_invert",
    "resize_mode",
    "denoising_strength",
    "alwayson_scripts",
    "infotext",
    "send_images",
    "save_images",
    "mask_round",
]
OF_UNITS = [
    "module",
    "model",
    "weight",
    "guidance_start",
    "guidance_end",
    "control_mode",
    "resize_mode",
    "image",
    "mask",
    "processor_res",
    "pixel_perfect",
    "enabled",
    "input_image",
    "threshold_a",
    "threshold_b",
]
OF_SETTINGS = [*SETTINGS, "sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers"]
UNIT = st.dictionaries(st.sampled_from(OF_UNITS), ANYTHING)
SETTING = st.dictionaries(st.sampled_from(OF_SETTINGS), ANYTHING)
NESTED = st.fixed_dictionaries(
    {},
    optional={
        "alwayson_scripts": st.builds(lambda units: {"controlnet": {"args": units}}, st.lists(UNIT, max_size=3)),
        "override_settings": SETTING,
        "init_images": st.just(["p"]),
        "mask": st.just("m"),
    },
)


@given(st.dictionaries(st.sampled_from([*NAMES, *FIELDS]), ANYTHING, max_size=6), NESTED, st.booleans())
def test_whatever_is_sent_is_a_request_within_the_limits_or_refused(
    payload: dict[str, Any], nested: dict[str, Any], from_picture: bool
) -> None:
    try:
        made = asked(payload | nested, from_picture)
    except StudioError:
        return
    assert 1 <= made.count <= 16
    assert made.request.image or not from_picture
    assert all(len(name) == 64 for name in made.request.pictures)
    json.dumps(answers.parameters(payload | nested, made))
    bare = dataclasses.replace(made.request, image="", inpaint=None, control=())
    limits.check(bare)
    with contextlib.suppress(RequestRefused):  # of what belongs to pictures the studio itself checks the bounds
        limits.check(made.request)


@given(
    st.builds(
        GenerationRequest,
        prompt=st.text(max_size=40),
        negative_prompt=st.text(max_size=40),
        model=st.sampled_from([*MODELS]),
        sampler=st.sampled_from([*SAMPLERS]),
        steps=st.integers(1, 50),
        cfg_scale=st.floats(0, 30),
        width=st.integers(8, 16).map(lambda side: side * 8),
        clip_skip=st.integers(1, 3),
        seed=st.integers(0, MAX_SEED),
        variation_seed=st.integers(0, MAX_SEED),
        variation_strength=st.sampled_from([0, 0.5]),
    )
)
def test_an_infotext_asks_for_what_the_page_takes_from_it(made: GenerationRequest) -> None:
    text = infotext.of_request(made, 0, "0123456789")
    fields = infotext.to_fields(infotext.parse(text))
    fields.pop("strength", None)
    told = request(infotext=text, override_settings={"CLIP_stop_at_last_layers": made.clip_skip, "sd_vae": "None"})
    assert told == dataclasses.replace(GenerationRequest(**fields), clip_skip=made.clip_skip)
    assert request(infotext=text, prompt="another", steps=3) == dataclasses.replace(
        told, prompt="another", steps=3, clip_skip=made.clip_skip if made.clip_skip > 1 else 2, vae="soft"
    )
