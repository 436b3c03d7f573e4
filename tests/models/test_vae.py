"""A VAE in the place of a model's own: each run is decoded by the one it chose, and denoised as without it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from PIL import Image
from safetensors.torch import save_file

from studio import GenerationRequest, Run, Studio
from studio.diffusion.preview import to_pictures
from studio.errors import GenerationFailed, RequestRefused
from studio.gallery import infotext
from studio.models.family import Kind
from studio.models.hashes import short
from studio.timeline import export
from tests import ldm
from tests.tiny_models import stable_diffusion, vae


def made(seed: int, channels: int = 4, **more: Any) -> AutoencoderKL:
    torch.manual_seed(seed)
    return vae(channels, **more)


def as_file(module: AutoencoderKL, path: Path) -> None:
    """In the layout of the original checkpoints."""
    save_file({key: value.contiguous() for key, value in (ldm.vae(*each) for each in ldm.weights(module))}, path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vaes")
    stable_diffusion(folder / "tiny")
    made(11).save_pretrained(folder / "VAE" / "warm")
    as_file(made(12), folder / "VAE" / "cool.safetensors")
    made(13, 16).save_pretrained(folder / "VAE" / "wide")
    made(14, scaling_factor=0.5).save_pretrained(folder / "VAE" / "foreign")
    whole = {key: value.contiguous() for key, value in (ldm.vae(*each) for each in ldm.weights(made(15)))}
    del whole["decoder.norm_out.weight"]
    save_file(whole, folder / "VAE" / "lacking.safetensors")
    return folder


@pytest.fixture(scope="module")
def studio(own_studio: Studio) -> Studio:
    return own_studio


def asked(**values: Any) -> GenerationRequest:
    known: dict[str, Any] = {"model": "tiny", "prompt": "a cat", "steps": 4, "seed": 5, "width": 64, "height": 64}
    return GenerationRequest(**(known | values))


def painted(studio: Studio, **values: Any) -> Run:
    run = studio.submit(asked(reproducible=True, **values))
    assert run.result.paths
    return run


def pixels(run: Run) -> Any:
    return np.asarray(run.result.images[0])


def expected(run: Run, module: AutoencoderKL) -> Any:
    """What a VAE makes of the last latents, as diffusers' pipelines ask it."""
    with torch.no_grad():
        decoded = module.decode(run.steps[-1].latents / module.config.scaling_factor).sample
    return np.asarray(to_pictures(decoded.clamp(-1, 1))[0])


@pytest.mark.parametrize(("name", "seed"), [("warm", 11), ("cool", 12)])
def test_a_folder_and_a_file_decode_what_the_model_has_painted(studio: Studio, name: str, seed: int) -> None:
    plain, run = painted(studio), painted(studio, vae=name)
    assert torch.equal(plain.steps[-1].latents, run.steps[-1].latents)
    assert not np.array_equal(pixels(plain), pixels(run))
    assert np.array_equal(pixels(run), expected(run, made(seed)))
    assert np.array_equal(pixels(painted(studio)), pixels(plain))


def test_runs_side_by_side_share_forwards_and_each_has_its_own(studio: Studio) -> None:
    names = ("", "warm", "cool")
    alone = [painted(studio, vae=name, steps=12) for name in names]
    assert studio.engine is not None
    before = studio.engine.forwards
    runs = [studio.submit(asked(vae=name, steps=12), owner=name or "own") for name in names]
    for run, other in zip(runs, alone, strict=True):
        assert np.abs(pixels(run).astype(int) - pixels(other)).max() <= 1
    assert studio.engine.forwards - before < 3 * 12


def test_kept_steps_branches_and_exports_are_decoded_by_it(studio: Studio, tmp_path: Path) -> None:
    plain, run = painted(studio), painted(studio, vae="cool")
    for one, other in zip(plain.steps, run.steps, strict=True):
        other.pictures.clear()
        assert other.preview != one.preview
    branch = studio.branch(run, 2)
    assert np.array_equal(np.asarray(branch.result.images[0]), pixels(run))
    changed = studio.branch(run, 2, vae="warm")
    assert np.array_equal(np.asarray(changed.result.images[0]), pixels(painted(studio, vae="warm")))
    for each, name in ((plain, "plain"), (run, "cool")):
        export.export(each, "sheet", tmp_path / f"{name}.png")
    assert (tmp_path / "plain.png").read_bytes() != (tmp_path / "cool.png").read_bytes()
    run.save(tmp_path / "cool.stepwise")
    again = studio.open(tmp_path / "cool.stepwise")
    again.steps[1].pictures.clear()
    assert again.steps[1].preview == run.steps[1].preview


def test_the_picture_a_run_starts_from_is_encoded_by_it(studio: Studio, folder: Path) -> None:
    picture = Image.linear_gradient("L").convert("RGB").resize((64, 64))
    run = painted(studio, vae="warm", image=studio.inputs.add(picture), strength=0.5, sampler="DDIM", cfg_scale=2)
    bare = StableDiffusionPipeline.from_pretrained(folder / "tiny", vae=made(11))
    pipeline = StableDiffusionImg2ImgPipeline.from_pipe(bare)
    assert studio.engine is not None
    clean = studio.engine.model_of(run.request).encode_picture(picture)
    with torch.no_grad():
        found = bare.vae.encode(pipeline.image_processor.preprocess(picture)).latent_dist.mean
    assert torch.allclose(clean, found * bare.vae.config.scaling_factor, atol=1e-5)
    assert not torch.allclose(run.steps[0].noisy, painted(studio, **same(run)).steps[0].noisy, atol=1e-3)


def same(run: Run) -> dict[str, Any]:
    """Its settings without the VAE."""
    return {name: getattr(run.request, name) for name in ("image", "strength", "sampler", "cfg_scale")}


def test_previews_are_fitted_once_to_each(studio: Studio) -> None:
    assert studio.engine is not None
    painted(studio, vae="warm")
    one, other = (studio.engine.shelf.get("tiny", vae=name) for name in ("warm", ""))
    assert studio.engine.shelf.get("tiny", vae="warm").linear is one.linear
    assert not torch.allclose(one.linear.weight, other.linear.weight)


def test_the_infotext_says_it_as_the_web_ui_does(studio: Studio) -> None:
    run = painted(studio, vae="cool")
    digest = hashlib.sha256(studio.library.of_kind(Kind.VAE)["cool"].path.read_bytes()).hexdigest()
    text = run.result.infotexts[0]
    assert f"VAE hash: {short(digest)}, VAE: cool.safetensors" in text
    assert infotext.to_fields(infotext.parse(text))["vae"] == "cool"
    assert "VAE" not in painted(studio).result.infotexts[0]


@pytest.mark.parametrize("told", ["Automatic", "None"])
def test_what_the_web_ui_calls_the_models_own_is_none(told: str) -> None:
    fields = infotext.to_fields(infotext.parse(f"a cat\nSteps: 4, Sampler: Euler, CFG scale: 7, VAE: {told}"))
    assert "vae" not in fields


def test_those_that_go_with_a_model_are_offered(studio: Studio) -> None:
    assert set(studio.library.vaes("tiny")) == {"warm", "cool", "foreign", "lacking"}
    assert studio.library.vaes("stepwise-embedded") == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("wide", "'wide' does not go with tiny. Choose one of"), ("nowhere", "There is no VAE of the name 'nowhere'")],
)
def test_what_does_not_fit_is_refused_before_anything_is_loaded(studio: Studio, name: str, sentence: str) -> None:
    with pytest.raises(RequestRefused, match=sentence):
        studio.submit(asked(vae=name))
    with pytest.raises(RequestRefused, match=r"does not go with stepwise-embedded\. Choose Automatic"):
        studio.submit(GenerationRequest(vae="warm", steps=1))


@pytest.mark.parametrize(
    ("name", "sentence"), [("foreign", "scaling factor is 0.5, not 0.18215"), ("lacking", "weights are missing in it")]
)
def test_what_cannot_be_used_is_told_and_the_next_run_works(studio: Studio, name: str, sentence: str) -> None:
    with pytest.raises(GenerationFailed, match=sentence):
        _ = studio.submit(asked(vae=name)).result
    assert painted(studio, vae="warm")
