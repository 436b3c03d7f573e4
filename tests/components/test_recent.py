"""Recent pictures are served as copies, so that the folder of outputs may be anywhere and stays closed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from components import recent
from studio import GenerationRequest
from studio.gallery.collection import Collection
from studio.gallery.inputs import Inputs


def test_copies_are_served_from_gradios_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    collection = Collection(tmp_path / "outputs", Inputs(tmp_path / "outputs" / "inputs"))
    picture = Image.new("RGB", (8, 8), "red")
    saved, _ = collection.keep(picture, GenerationRequest(seed=1), 0, run="one", owner="local", model_hash="")
    (copy,) = recent.newest(collection, "local")
    assert Path(copy).is_relative_to(tmp_path / "served")
    assert Path(copy).read_bytes() == saved.read_bytes()
    Path(copy).unlink()
    assert recent.newest(collection, "local") == [copy]
    assert Path(copy).exists()
    assert recent.newest(collection, "user-eve") == []
    collection.close()
