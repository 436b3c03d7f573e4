"""Models that bring code with them: none of it runs, wherever they put it, and there is a sentence."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio import GenerationRequest, Settings, Studio
from studio.errors import StudioError
from studio.events import Failed
from studio.models.scan import describe
from studio.request import ControlUnit
from tests.auditing import audited, opened

SMALL: dict[str, Any] = {"width": 64, "height": 64, "steps": 1}


class Payload:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._mark,)


def pickled(mark: Path) -> bytes:
    return pickle.dumps({"state_dict": Payload(mark)})


def archive(mark: Path) -> bytes:
    """A pickle as PyTorch writes it, in a zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("archive/data.pkl", pickled(mark))
        made.writestr("archive/version", "3")
    return file.getvalue()


def code(mark: Path) -> str:
    return f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Evil: pass\n"


def weights_of(part: str, suffix: str) -> Callable[[Path, Path], None]:
    """Weights of a part of a pipeline as a pickle under that name."""

    def spoil(folder: Path, mark: Path) -> None:
        for file in (folder / part).glob("*.safetensors"):
            file.unlink()
            file.with_suffix(suffix).write_bytes(archive(mark))

    return spoil


def custom_part(folder: Path, mark: Path) -> None:
    """A part whose class is in a file beside it."""
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "unet" / "evil.py").write_text(code(mark))
    (folder / "model_index.json").write_text(json.dumps(index | {"unet": ["evil", "Evil"]}))


def custom_pipeline(folder: Path, mark: Path) -> None:
    """A pipeline whose class is in a file of the folder."""
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "StableDiffusion.py").write_text(code(mark))
    (folder / "pipeline.py").write_text(code(mark))
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": ["StableDiffusion", "Evil"]}))


def remote_code(folder: Path, mark: Path) -> None:
    """A text encoder that names code of its own."""
    path = folder / "text_encoder" / "config.json"
    own = {"auto_map": {"AutoModel": "evil.Evil"}, "architectures": ["Evil"], "model_type": "evil"}
    path.write_text(json.dumps(json.loads(path.read_text()) | own))
    (folder / "text_encoder" / "evil.py").write_text(code(mark))


def stranger(folder: Path, mark: Path) -> None:
    """A part of a class that is no model's."""
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"scheduler": ["subprocess", "Popen"]}))
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({"args": ["touch", str(mark)]}))


SPOILT: dict[str, Callable[[Path, Path], None]] = {
    "unet-bin": weights_of("unet", ".bin"),
    "unet-pickle": weights_of("unet", ".safetensors"),
    "vae-bin": weights_of("vae", ".bin"),
    "text-bin": weights_of("text_encoder", ".bin"),
    "custom-part": custom_part,
    "custom-pipeline": custom_pipeline,
    "remote-code": remote_code,
    "stranger": stranger,
}
LOOSE = ("evil.ckpt", "evil.pt", "evil.pth", "evil.bin", "evil.safetensors", "evil.gguf")


@pytest.fixture(scope="module")
def mark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is there once any of the code has run."""
    return tmp_path_factory.mktemp("mark") / "ran"


@pytest.fixture(scope="module")
def hostile(models: Path, mark: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio over a folder of such models."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, spoil in SPOILT.items():
        shutil.copytree(models / "tiny-v", folder / name)
        spoil(folder / name, mark)
    shutil.copytree(models / "tiny-control", folder / "control-bin")
    weights_of("", ".bin")(folder / "control-bin", mark)
    for name in LOOSE:
        (folder / name).write_bytes(archive(mark) if name != "evil.bin" else pickled(mark))
    with Studio(Settings(models=(folder,), outputs=folder / "outputs", device="cpu", precision="fp32")) as studio:
        studio.library.rescan()
        yield studio


def test_the_payload_would_have_run(mark: Path) -> None:
    pickle.loads(pickled(mark))
    assert mark.exists()
    mark.unlink()


@pytest.mark.parametrize("name", SPOILT)
def test_a_model_that_brings_code_paints_nothing_or_without_it(hostile: Studio, mark: Path, name: str) -> None:
    with audited() as seen:
        said = outcome(hostile, GenerationRequest(model=name, **SMALL))
    assert said, "neither a picture nor a sentence"
    assert not mark.exists()
    assert not {arguments for event, arguments in seen if event == "pickle.find_class" and "pathlib" in str(arguments)}
    assert not {event for event, _ in seen if event in ("subprocess.Popen", "os.system")}
    assert not {path for path in opened(seen) if path.endswith((".bin", ".ckpt", ".pt", "evil.py", "pipeline.py"))}


def outcome(studio: Studio, request: GenerationRequest) -> str:
    """The sentence that a request ends with; "Finished" for a picture."""
    try:
        last = list(studio.submit(request))[-1]
    except StudioError as error:
        return str(error)
    return last.sentence if isinstance(last, Failed) else type(last).__name__


def test_a_controlnet_that_is_a_pickle_leads_nothing(hostile: Studio, mark: Path) -> None:
    unit = ControlUnit(model="control-bin", image=hostile.inputs.add(Image.new("RGB", (64, 64))))
    with audited() as seen:
        assert "There is no ControlNet of that name" in outcome(hostile, GenerationRequest(control=(unit,), **SMALL))
    found = next(found for found in hostile.library.found if found.path.name == "control-bin")
    assert "can run code" in found.problem
    assert not {path for path in opened(seen) if path.endswith(".bin")}
    assert not mark.exists()


@pytest.mark.parametrize("name", LOOSE)
def test_a_pickle_on_its_own_is_told_and_never_offered(hostile: Studio, mark: Path, name: str) -> None:
    found = next(found for found in hostile.library.found if found.path.name == name)
    assert found.problem == describe(found.path).problem != ""
    assert "evil" not in hostile.library.names
    assert not mark.exists()
