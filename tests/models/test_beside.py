"""What lies beside models: pictures and texts of other programs, and their folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.models.beside import LONGEST, beside, picture, said
from studio.models.layouts import model_folders
from studio.models.library import Library
from tests.models.test_library import by_name, lora


def test_what_the_web_ui_keeps_beside_a_model_is_told(tmp_path: Path) -> None:
    lora(tmp_path / "v1.5 fox.safetensors", {"modelspec.trigger_phrase": "not this", "sshs_model_hash": "ab" * 32})
    (tmp_path / "v1.5 fox.json").write_text(json.dumps({"activation text": "fxx fox", "notes": "soft at 0.6"}))
    shared = {"trainedWords": ["other"], "baseModel": "SD 1.5", "model": {"name": "Foxes"}}
    (tmp_path / "v1.5 fox.civitai.info").write_text(json.dumps(shared))
    library = Library([tmp_path])
    library.rescan()
    found = by_name(library)["v1.5 fox"]
    assert (found.trigger_words, found.notes, found.title) == ("fxx fox", "soft at 0.6", "Foxes")
    assert (found.base_model, found.header_hash) == ("SD 1.5", "ab" * 32)


def test_what_is_written_later_is_read_without_a_restart(tmp_path: Path) -> None:
    lora(tmp_path / "fox.safetensors")
    library = Library([tmp_path])
    library.rescan()
    (tmp_path / "fox.txt").write_text("A fox,\n in three lines\x00.")
    library.rescan()
    assert by_name(library)["fox"].notes == "A fox, in three lines ."


def test_the_card_of_a_folder_tells_its_licence(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: other\nlicense_name: flux-1-dev\n---\n# FLUX\n")
    assert beside(tmp_path).licence == "flux-1-dev"
    (tmp_path / "README.md").write_text("---\nlicense: [\n---\n")
    assert beside(tmp_path).licence == ""


def test_a_preview_goes_before_a_picture_of_the_same_name(tmp_path: Path) -> None:
    model = tmp_path / "a.b.safetensors"
    assert picture(model) is None
    (tmp_path / "a.b.webp").touch()
    assert picture(model) == tmp_path / "a.b.webp"
    (tmp_path / "a.b.preview.png").touch()
    assert picture(model) == tmp_path / "a.b.preview.png"


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
)
NAMES = ("activation text", "notes", "trainedWords", "baseModel", "model", "description")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON) | JSON)
def test_whatever_stands_in_them_nothing_is_raised(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    for ending in (".json", ".civitai.info"):
        (folder / f"any{ending}").write_text(json.dumps(value))
    told = beside(folder / "any.safetensors")
    assert all(isinstance(text, str) and len(text) <= LONGEST for text in vars(told).values())


@settings(deadline=None)
@given(st.text())
def test_what_is_said_is_one_printable_line(text: str) -> None:
    assert said(text).isprintable()
    assert len(said(text * 200)) <= LONGEST


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "fox.json").write_text(json.dumps({"notes": "x" * 2**21}))
    (tmp_path / "deep.json").write_text("[" * 2**19)
    assert beside(tmp_path / "fox.safetensors").notes == beside(tmp_path / "deep.safetensors").notes == ""


@pytest.mark.parametrize("pointed_at", [".", "models"])
def test_of_the_web_uis_own_folder_only_the_models_are_looked_through(tmp_path: Path, pointed_at: str) -> None:
    models = tmp_path / "models"
    for name in ("Stable-diffusion", "Lora", "VAE", "ControlNet", "ESRGAN", "GFPGAN"):
        lora(models / name / f"in {name}.safetensors")
    lora(tmp_path / "embeddings" / "word.safetensors")
    lora(tmp_path / "venv" / "lib" / "not a model.safetensors")
    library = Library([tmp_path / pointed_at])
    library.rescan()
    expected = {"in Stable-diffusion", "in Lora", "in VAE", "in ControlNet"} | (
        {"word"} if pointed_at == "." else set()
    )
    assert set(by_name(library)) == expected


def test_comfyui_and_the_folders_its_yaml_names_are_looked_through(tmp_path: Path) -> None:
    home, other = tmp_path / "ComfyUI", tmp_path / "webui"
    for name in ("checkpoints", "loras", "diffusion_models", "text_encoders", "upscale_models"):
        lora(home / "models" / name / f"in {name}.safetensors")
    for name in ("models/Lora", "models/LyCORIS"):
        lora(other / name / f"{name[-4:]}.safetensors")
    said = (
        "a111:\n  base_path: ../webui/\n  loras: |\n    models/Lora\n    models/LyCORIS\n    gone\n  configs: models\n"
    )
    (home / "extra_model_paths.yaml").write_text(said)
    library = Library([home])
    library.rescan()
    assert set(by_name(library)) == {
        *("in checkpoints", "in loras", "in diffusion_models", "in text_encoders"),
        *("Lora", "ORIS"),
    }


@pytest.mark.parametrize("yaml", ["", "[", "- a", "a: b", "a: {loras: [1], vae: {}}", "a: {loras: 'x\\0y'}", "\x00"])
def test_a_strange_yaml_names_nothing(tmp_path: Path, yaml: str) -> None:
    (tmp_path / "models" / "checkpoints").mkdir(parents=True)
    (tmp_path / "extra_model_paths.yaml").write_text(yaml)
    assert model_folders(tmp_path) == [tmp_path / "models" / "checkpoints"]


def test_any_other_folder_is_looked_through_but_for_what_is_hidden(tmp_path: Path) -> None:
    lora(tmp_path / "mine" / "fox.safetensors")
    lora(tmp_path / ".partial" / "half.safetensors")
    library = Library([tmp_path])
    library.rescan()
    assert set(by_name(library)) == {"fox"}
