"""The command line, on the embedded model."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from studio.__main__ import main
from studio.gallery import infotext, pictures


def test_generate_writes_a_picture_and_its_frames(tmp_path: Path) -> None:
    out, frames = tmp_path / "fox.png", tmp_path / "frames"
    asked = ["generate", "a fox in a forest", "--steps", "4", "--sampler", "k_euler_a", "--seed", "5"]
    assert main([*asked, "--out", str(out), "--frames", str(frames)]) == 0
    assert Image.open(out).size == (128, 128)
    assert infotext.parse(pictures.read_infotext(out))["Sampler"] == "Euler a"
    assert [path.name for path in sorted(frames.iterdir())] == ["001.jpg", "002.jpg", "003.jpg", "004.jpg"]


def test_a_refused_request_is_a_sentence_and_an_exit_status(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["generate", "a fox", "--steps", "0", "--out", str(tmp_path / "fox.png")]) == 1
    assert "Steps must be from 1 to 150" in capsys.readouterr().err
