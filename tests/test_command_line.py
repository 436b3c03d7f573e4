"""The command line, on the embedded model."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from studio import GenerationRequest
from studio.__main__ import main
from studio.gallery import infotext, pictures
from tests.tiny_models import stable_diffusion


def test_generate_writes_a_picture_and_its_frames(tmp_path: Path) -> None:
    out, frames = tmp_path / "fox.png", tmp_path / "frames"
    asked = ["generate", "a fox in a forest", "--steps", "4", "--sampler", "k_euler_a", "--seed", "5"]
    asked += ["--schedule", "sgm_uniform"]
    assert main([*asked, "--out", str(out), "--frames", str(frames)]) == 0
    assert Image.open(out).size == (128, 128)
    found = infotext.parse(pictures.read_infotext(out))
    assert (found["Sampler"], found["Schedule type"]) == ("Euler a", "SGM Uniform")
    assert [path.name for path in sorted(frames.iterdir())] == ["001.jpg", "002.jpg", "003.jpg", "004.jpg"]


def test_a_model_of_ones_own_is_waited_for_wherever_it_lies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    stable_diffusion(tmp_path / "models" / "mine" / "tiny")
    asked = [
        "generate",
        "a cat",
        "--models",
        str(tmp_path / "models"),
        "--steps",
        "2",
        "--out",
        str(tmp_path / "a.png"),
    ]
    assert main([*asked, "--model", "tiny", "--width", "64", "--height", "64"]) == 0
    assert infotext.parse(pictures.read_infotext(tmp_path / "a.png"))["Model"] == "tiny"
    assert main([*asked, "--model", "absent"]) == 1
    assert "There is no model of that name" in capsys.readouterr().err


def test_a_refused_request_is_a_sentence_and_an_exit_status(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["generate", "a fox", "--steps", "0", "--out", str(tmp_path / "fox.png")]) == 1
    assert "Steps must be from 1 to 150" in capsys.readouterr().err


def test_a_style_is_put_around_the_prompt(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = ["generate", "a {cat|dog} on a street", "--steps", "2", "--out", str(tmp_path / "cat.png"), "--style"]
    assert main([*asked, "Night"]) == 0
    found = infotext.parse(pictures.read_infotext(tmp_path / "cat.png"))
    assert found["Prompt"] in ("a cat on a street at night", "a dog on a street at night")
    assert found["Template"] == "a {cat|dog} on a street at night"
    assert main([*asked, "Nihgt"]) == 1
    assert "no style of the name 'Nihgt'" in capsys.readouterr().err


def test_a_saved_run_is_branched_and_exported(tmp_path: Path) -> None:
    saved, again, out, film = (tmp_path / name for name in ("cat.stepwise", "dog.stepwise", "dog.png", "dog.gif"))
    asked = ["generate", "a cat on a street", "--steps", "6", "--seed", "5", "--out", str(tmp_path / "cat.png")]
    assert main([*asked, "--save", str(saved)]) == 0
    changed = ["--at", "3", "--prompt", "a dog on a street", "--sampler", "Euler Karras", "--remaining", "4"]
    assert main(["branch", str(saved), *changed, "--save", str(again), "--out", str(out)]) == 0
    found = infotext.parse(pictures.read_infotext(out))
    assert found["Branched at"] == "3"
    request = GenerationRequest.from_json(found["Stepwise"])
    changes = (request.prompt, request.sampler, request.schedule, request.steps)
    assert changes == ("a dog on a street", "Euler", "Karras", 7)
    assert main(["export", str(again), "--kind", "gif", "--out", str(film)]) == 0
    assert getattr(Image.open(film), "n_frames", 1) == 7


def test_a_file_that_is_no_run_is_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.stepwise"
    broken.write_bytes(b"no run")
    assert main(["export", str(broken), "--out", str(tmp_path / "film.mp4")]) == 1
    assert "no Stepwise run" in capsys.readouterr().err
