"""Recent pictures are served as copies, so that the folder of outputs may be anywhere and stays closed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from components import recent
from studio.gallery import pictures


def test_copies_are_served_from_gradios_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    saved = pictures.save(Image.new("RGB", (8, 8), "red"), "", tmp_path / "outputs", "local", "one")
    (copy,) = recent.newest(tmp_path / "outputs", "local")
    assert Path(copy).is_relative_to(tmp_path / "served")
    assert Path(copy).read_bytes() == saved.read_bytes()
    Path(copy).unlink()
    assert recent.newest(tmp_path / "outputs", "local") == [copy]
    assert Path(copy).exists()
