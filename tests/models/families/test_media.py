"""Families of films and sounds, with random weights in their real layout, written to disk and loaded by the real
code: through the seams as the bare pipeline has it, to the bit; branched; joined; stopped; as files that play."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from torch import Tensor

from studio import GenerationRequest, Run, Studio
from studio.diffusion import noise
from studio.errors import RequestRefused
from studio.events import Cancelled, Step
from studio.gallery import infotext
from studio.gallery.pictures import LOCAL, read_infotext
from tests import tiny_media

STEPS, FRAMES, SECONDS = 5, 9, 0.64


@dataclass(frozen=True)
class Case:
    """One tiny model, and how its documentation would have it called."""

    make: Callable[[Path], None]
    asked: dict[str, Any]
    told: dict[str, Any]
    """Arguments of the bare pipeline beside prompts, steps and seeds."""
    shape: tuple[int, ...]
    other_sampler: str
    strip: float
    """Width over height of a preview."""


FILM = {"frames": FRAMES, "fps": 8, "sampler": "UniPC"}
BARE_FILM = {"num_frames": FRAMES, "width": 64, "height": 64}
CASES = {
    "wan": Case(tiny_media.wan, FILM, BARE_FILM, (1, 16, 3, 8, 8), "Euler", 3.0),
    "wan-spread": Case(
        lambda folder: tiny_media.wan(folder, spread=True), FILM, BARE_FILM, (1, 16, 3, 8, 8), "DPM++ 2M", 3.0
    ),
    "ltx": Case(
        tiny_media.ltx,
        FILM | {"sampler": "Euler"},
        BARE_FILM | {"frame_rate": 8},
        (1, 8, 2, 2, 2),
        "DPM++ 2M",
        2.0,
    ),
    "audioldm2": Case(
        tiny_media.audioldm2,
        {"seconds": SECONDS, "sampler": "DDIM"},
        {"audio_length_in_s": SECONDS},
        (1, 4, 16, 16),
        "DPM++ 2M",
        64 / 256,
    ),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for name, case in CASES.items():
        case.make(folder / name)
    return folder


def asked(name: str, **values: Any) -> GenerationRequest:
    known: dict[str, Any] = {"prompt": "a cat", "negative_prompt": "rain", "seed": 7, "width": 64, "height": 64}
    known |= {"steps": STEPS, "cfg_scale": 4.0, "reproducible": True, "model": name}
    return GenerationRequest(**(known | CASES[name].asked | values))


def painted(run: Run) -> Run:
    assert run.result.paths
    return run


def bare(models: Path, request: GenerationRequest, **more: Any) -> Tensor:
    """What diffusers' own pipeline makes, called as its documentation says."""
    pipeline = DiffusionPipeline.from_pretrained(models / request.model)
    pipeline.set_progress_bar_config(disable=True)
    made: Tensor = pipeline(
        [request.prompt],
        negative_prompt=[request.negative_prompt],
        num_inference_steps=request.steps,
        guidance_scale=request.cfg_scale,
        generator=noise.generators(request.seeds),
        **CASES[request.model].told,
        **more,
    )[0]
    return made


@pytest.mark.parametrize("name", CASES)
def test_through_the_seams_it_is_the_bare_pipeline_and_branches(studio: Studio, models: Path, name: str) -> None:
    run = painted(studio.submit(asked(name)))
    assert torch.equal(run.steps[-1].latents, bare(models, run.request, output_type="latent"))
    assert len(run.steps) == STEPS
    assert run.steps[0].noisy.shape == run.steps[0].denoised.shape == CASES[name].shape
    assert run.steps[0].guidance is not None
    for at in (1, 3):
        branch = painted(studio.branch(run, at))
        assert torch.equal(branch.steps[-1].latents, run.steps[-1].latents), f"from step {at}"


@pytest.mark.parametrize("name", CASES)
def test_two_jobs_in_one_batch_are_what_they_are_alone(studio: Studio, name: str) -> None:
    requests = [asked(name, prompt=words, seed=seed, steps=4 + seed) for seed, words in enumerate(("a cat", "a dog"))]
    alone = [painted(studio.submit(request)) for request in requests]
    assert studio.engine is not None
    before = studio.engine.forwards
    together = [studio.submit(replace(request, reproducible=False)) for request in requests]
    for one, other in zip(alone, together, strict=True):
        painted(other)
        assert torch.allclose(one.steps[-1].latents, other.steps[-1].latents, atol=1e-4)
    calls = 2 if name.startswith("wan") else 1
    assert studio.engine.forwards - before < calls * sum(request.steps for request in requests)


@pytest.mark.parametrize("name", CASES)
def test_every_step_has_a_picture(studio: Studio, name: str) -> None:
    run = painted(studio.submit(asked(name)))
    pictures = [event.preview for event in run if isinstance(event, Step) and event.preview]
    pictures += [step.preview for step in run.steps]
    assert len(pictures) > STEPS
    for picture in pictures:
        width, height = Image.open(io.BytesIO(picture)).size
        assert width / height == pytest.approx(CASES[name].strip, rel=0.05)


@pytest.mark.parametrize("name", CASES)
def test_another_sampler_takes_over_midway(studio: Studio, name: str) -> None:
    run = painted(studio.submit(asked(name)))
    branch = painted(studio.branch(run, 2, sampler=CASES[name].other_sampler))
    assert branch.kept == 2
    assert branch.steps[2].sigma == pytest.approx(run.steps[2].sigma, rel=1e-2)
    assert torch.isfinite(branch.steps[-1].latents).all()


def test_a_stopped_film_keeps_its_steps_and_goes_on(studio: Studio) -> None:
    whole = painted(studio.submit(asked("wan", steps=20)))
    run = studio.submit(asked("wan", steps=20))
    for event in run:
        if isinstance(event, Step):
            run.cancel()
    assert isinstance(run.last_event, Cancelled)
    assert 0 < len(run.steps) < 20
    assert torch.equal(painted(studio.go_on(run)).steps[-1].latents, whole.steps[-1].latents)


def test_the_film_is_what_the_bare_pipeline_decodes(studio: Studio, models: Path) -> None:
    result = studio.submit(asked("wan")).result
    assert result.clips == (result.paths[0].with_suffix(".mp4"),)
    with av.open(str(result.clips[0])) as file:
        stream = file.streams.video[0]
        assert stream.average_rate == 8
        assert file.metadata["comment"] == result.infotexts[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
    expected = np.asarray(bare(models, asked("wan"), output_type="np"))[0] * 255
    assert len(frames) == len(expected) == FRAMES
    assert np.array_equal(np.asarray(result.images[0]), expected[0].round().astype(np.uint8))
    assert np.abs(np.stack(frames) - expected).mean() < 12


def test_the_sound_is_what_the_bare_pipeline_makes(studio: Studio, models: Path) -> None:
    result = studio.submit(asked("audioldm2")).result
    assert result.clips == (result.paths[0].with_suffix(".flac"),)
    with av.open(str(result.clips[0])) as file:
        heard = np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1) / 32767
        assert file.streams.audio[0].rate == tiny_media.RATE
        assert file.metadata["comment"] == result.infotexts[0]
    expected = bare(models, asked("audioldm2"))
    assert heard.shape == expected.shape == (1, round(SECONDS * tiny_media.RATE))
    assert np.abs(heard - expected).max() < 1e-4
    assert np.abs(expected).max() > 1e-3


def test_a_batch_has_a_film_for_each_picture(studio: Studio) -> None:
    result = studio.submit(asked("wan", batch_size=2)).result
    assert len(result.clips) == len(result.paths) == 2
    assert all(clip.is_file() for clip in result.clips)


def test_one_frame_of_a_film_is_a_picture(studio: Studio) -> None:
    result = studio.submit(asked("wan", frames=1)).result
    assert not result.clips
    assert result.images[0].size == (64, 64)


def test_the_infotext_tells_how_long_it_is(studio: Studio) -> None:
    for name, keys in (("wan", ("frames", "fps")), ("audioldm2", ("seconds",))):
        result = studio.submit(asked(name)).result
        found = infotext.to_fields(infotext.parse(read_infotext(result.paths[0])))
        assert {key: found[key] for key in keys} == {key: CASES[name].asked[key] for key in keys}


def test_what_is_thrown_away_and_brought_back_takes_its_film_along(studio: Studio) -> None:
    picture, film = (paths[0] for paths in (studio.submit(asked("wan")).result.paths, studio_clips(studio)))
    assert picture.with_suffix(".mp4") == film
    kept = studio.collection.history.page(LOCAL, count=1)[0]
    assert kept.bytes == picture.stat().st_size + film.stat().st_size
    studio.collection.throw_away([kept.id], LOCAL)
    assert not picture.exists()
    assert not film.exists()
    studio.collection.bring_back([kept.id], LOCAL)
    assert picture.exists()
    assert film.exists()


def studio_clips(studio: Studio) -> list[Path]:
    """The newest picture's film."""
    return [path.with_suffix(".mp4") for path in studio.collection.recent(LOCAL, 1)]


REFUSED = [
    ("wan", {"frames": 8}, "Frames must be one more than a multiple of 4 for this model: try 9"),
    ("wan", {"seconds": 2.0}, "makes no sounds"),
    ("wan", {"image": "0" * 64}, "starts from noise"),
    ("audioldm2", {"seconds": 0.0}, "Seconds must be 0.1 or more"),
    ("audioldm2", {"frames": 5}, "makes no films"),
    ("wan", {"frames": 1000}, "Frames must be from 1 to 257"),
    ("audioldm2", {"seconds": math.nan}, "Seconds must be from 0 to 60"),
    ("wan", {"fps": 0}, "FPS must be from 1 to 60"),
]


@pytest.mark.parametrize(("name", "values", "sentence"), REFUSED)
def test_what_cannot_be_is_told(studio: Studio, name: str, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestRefused, match=sentence):
        studio.submit(asked(name, **values))
