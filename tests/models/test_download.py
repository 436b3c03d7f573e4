"""Downloads from a hub over HTTP: whole, checked and told, or nothing of them in the library."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save

from studio.models import device
from studio.models.catalogue import CATALOGUE
from studio.models.download import PARTIAL, Downloads, Phase, Progress
from studio.models.family import Kind
from studio.models.library import Library, Source
from studio.models.licences import LicenceNotAccepted, Licences
from studio.models.loader import load
from tests.hub import TOKEN, Hub, hub_at_work

TINY, LORA, PIPELINE, GATED = "taesd", "sdxl_lightning_4step_lora", "stable-diffusion-v1-5", "FLUX.1-schnell"
WEIGHTS = save({"decoder.weight": numpy.arange(60_000, dtype=numpy.float32)})
LONG_S = 60


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_at_work(monkeypatch) as hub:
        tiny = {"config.json": b'{"_class_name": "AutoencoderTiny"}', "diffusion_pytorch_model.safetensors": WEIGHTS}
        index = {"model_index.json": b'{"_class_name": "StableDiffusionPipeline"}'}
        unet = {
            "unet/config.json": json.dumps({"cross_attention_dim": 768}).encode(),
            "unet/diffusion_pytorch_model.fp16.safetensors": WEIGHTS,
            "unet/diffusion_pytorch_model.safetensors": WEIGHTS * 2,
            "unet/diffusion_pytorch_model.bin": b"\x80\x02}q\x00.",
        }
        flux = {"model_index.json": b"{}", "transformer/diffusion_pytorch_model.safetensors": WEIGHTS}
        for name, files in ((TINY, tiny), (PIPELINE, index | unet), (GATED, flux)):
            hub.repos[CATALOGUE[name].repo] = files
        hub.repos[CATALOGUE[LORA].repo] = {CATALOGUE[LORA].file: WEIGHTS, "other.safetensors": WEIGHTS}
        hub.gated.add(CATALOGUE[GATED].repo)
        yield hub


@pytest.fixture
def downloads(tmp_path: Path) -> Iterator[Downloads]:
    licences = Licences(tmp_path / "licences.json")
    for licence in {CATALOGUE[name].licence for name in (TINY, LORA, PIPELINE, GATED)}:
        licences.accept(licence)
    made = Downloads(tmp_path / "models", licences)
    yield made
    made.close()


def ended(downloads: Downloads, name: str) -> Progress:
    downloads.start(name)
    return list(downloads.follow(name))[-1]


def listed(downloads: Downloads) -> list[str]:
    library = Library([downloads.folder])
    library.rescan()
    return [found.name for found in library.found]


def halfway(hub: Hub, downloads: Downloads, path: str) -> None:
    """Start the tiny decoder and stop where half of its weights have come."""
    hub.held = path
    downloads.start(TINY)
    assert hub.halfway.wait(LONG_S)
    for progress in downloads.follow(TINY):
        if progress.done > len(WEIGHTS) // 3:
            return


def test_a_model_comes_whole_and_is_told_on_the_way(hub: Hub, downloads: Downloads) -> None:
    downloads.start(TINY)
    seen = list(downloads.follow(TINY))
    assert seen[-1].phase == Phase.DONE
    assert [progress.done for progress in seen if progress.phase == Phase.COMING] == sorted(
        progress.done for progress in seen if progress.phase == Phase.COMING
    )
    assert (downloads.folder / TINY / "diffusion_pytorch_model.safetensors").read_bytes() == WEIGHTS
    assert sorted(path.name for path in (downloads.folder / TINY).iterdir()) == [
        "config.json",
        "diffusion_pytorch_model.safetensors",
    ]
    assert list((downloads.folder / PARTIAL).iterdir()) == []
    assert listed(downloads) == [TINY]


def test_of_a_pipeline_one_edition_comes_under_the_plain_names_and_no_pickle(hub: Hub, downloads: Downloads) -> None:
    assert ended(downloads, PIPELINE).phase == Phase.DONE
    unet = downloads.folder / PIPELINE / "unet"
    assert sorted(path.name for path in unet.iterdir()) == ["config.json", "diffusion_pytorch_model.safetensors"]
    assert (unet / "diffusion_pytorch_model.safetensors").read_bytes() == WEIGHTS
    assert list(Library([downloads.folder]).of_kind(Kind.CHECKPOINT)) == [PIPELINE]


def test_a_pipeline_that_was_downloaded_is_loaded_as_it_was(hub: Hub, downloads: Downloads, models: Path) -> None:
    tiny = models / "tiny-epsilon"
    files = {path.relative_to(tiny).as_posix(): path.read_bytes() for path in tiny.rglob("*") if path.is_file()}
    hub.repos[CATALOGUE[PIPELINE].repo] = {
        name.replace(".safetensors", ".fp16.safetensors"): content for name, content in files.items()
    }
    assert ended(downloads, PIPELINE).phase == Phase.DONE
    library = Library([downloads.folder])
    loaded = load(library.source(PIPELINE), PIPELINE, device.choose("cpu", "fp32"))
    assert loaded.weights_hash() == load(Source(tiny), "tiny", device.choose("cpu", "fp32")).weights_hash()
    fitting = library.fitting(PIPELINE)
    assert fitting is not None
    assert fitting.side == 512


def test_a_single_file_comes_alone(hub: Hub, downloads: Downloads) -> None:
    assert ended(downloads, LORA).phase == Phase.DONE
    assert (downloads.folder / CATALOGUE[LORA].file).read_bytes() == WEIGHTS
    assert [path for path, _ in hub.asked] == [CATALOGUE[LORA].file]


def test_what_was_cancelled_is_not_listed_and_the_next_try_asks_for_the_rest(hub: Hub, downloads: Downloads) -> None:
    path = "diffusion_pytorch_model.safetensors"
    halfway(hub, downloads, path)
    downloads.cancel(TINY)
    assert [progress.phase for progress in downloads.follow(TINY)] == [Phase.CANCELLED]
    hub.held = ""
    hub.go_on.set()
    ended(downloads, LORA)  # they come one after the other, so the first has stopped now
    assert listed(downloads) == [LORA]
    assert ended(downloads, TINY).phase == Phase.DONE
    assert hub.asked[-1][0] == path
    assert hub.asked[-1][1].startswith("bytes=")
    assert (downloads.folder / TINY / path).read_bytes() == WEIGHTS


def test_half_a_model_is_never_listed_and_can_be_thrown_away(hub: Hub, downloads: Downloads) -> None:
    halfway(hub, downloads, "diffusion_pytorch_model.safetensors")
    assert downloads.kept(TINY) > len(WEIGHTS) // 4
    assert listed(downloads) == []
    downloads.cancel(TINY)
    downloads.discard(TINY)
    hub.held = ""
    hub.go_on.set()
    assert downloads.progress(TINY) is None
    assert ended(downloads, LORA).phase == Phase.DONE  # after the throwing away, since they come one after the other
    assert downloads.kept(TINY) == 0
    assert listed(downloads) == ["sdxl_lightning_4step_lora"]


def test_another_studio_over_the_same_folder_goes_on_with_what_came(hub: Hub, downloads: Downloads) -> None:
    halfway(hub, downloads, "diffusion_pytorch_model.safetensors")
    downloads.close()
    hub.held = ""
    hub.go_on.set()
    again = Downloads(downloads.folder, downloads.licences)
    assert ended(again, TINY).phase == Phase.DONE
    assert hub.asked[-1][1].startswith("bytes=")
    again.close()


def test_a_line_that_breaks_is_gone_on_with(hub: Hub, downloads: Downloads) -> None:
    hub.cut.add("diffusion_pytorch_model.safetensors")
    assert ended(downloads, TINY).phase == Phase.DONE
    assert (downloads.folder / TINY / "diffusion_pytorch_model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("longer", [-5, 0, 5])
@pytest.mark.parametrize("path", ["diffusion_pytorch_model.safetensors", "config.json"])
def test_what_is_not_what_the_hub_has_is_thrown_away(hub: Hub, downloads: Downloads, path: str, longer: int) -> None:
    given = hub.repos[CATALOGUE[TINY].repo][path]
    hub.claimed[path] = os.urandom(len(given) + longer)
    progress = ended(downloads, TINY)
    assert progress.phase == Phase.FAILED
    assert "not what the hub has" in progress.sentence
    assert listed(downloads) == []


def test_a_gated_model_asks_for_a_token_and_comes_with_one(
    hub: Hub, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(downloads.folder / "none"))
    assert "HF_TOKEN" in ended(downloads, GATED).sentence
    monkeypatch.setenv("HF_TOKEN", "hf_of_another")
    assert "Your token may not fetch" in ended(downloads, GATED).sentence
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert ended(downloads, GATED).phase == Phase.DONE


def test_offline_it_is_told(hub: Hub, downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in ended(downloads, TINY).sentence


def test_the_disk_is_looked_at_before(hub: Hub, downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(downloads.folder.parent)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=2**29 + 1000))
    progress = ended(downloads, TINY)
    assert progress.phase == Phase.FAILED
    assert "make room" in progress.sentence
    assert hub.asked == []


def test_a_disk_that_fails_is_told(hub: Hub, downloads: Downloads) -> None:
    downloads.folder.write_text("a file where the folder should be")
    assert "could not be written" in ended(downloads, TINY).sentence


def test_a_path_that_leads_elsewhere_is_not_followed(hub: Hub, downloads: Downloads) -> None:
    hub.repos[CATALOGUE[PIPELINE].repo]["unet/../../../evil.fp16.safetensors"] = WEIGHTS
    assert ended(downloads, PIPELINE).phase == Phase.DONE
    assert not list(downloads.folder.parent.rglob("evil*"))


def test_a_repository_that_is_gone_or_holds_no_weights_is_told(hub: Hub, downloads: Downloads) -> None:
    hub.repos[CATALOGUE[TINY].repo] = {"config.json": b"{}", "old.bin": WEIGHTS}
    assert "no safetensors" in ended(downloads, TINY).sentence
    del hub.repos[CATALOGUE[TINY].repo]
    assert "any more" in ended(downloads, TINY).sentence


def test_without_a_network_it_is_told(downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert "could not be reached" in ended(downloads, TINY).sentence


def test_a_licence_is_accepted_first_and_once(tmp_path: Path, hub: Hub) -> None:
    licences = Licences(tmp_path / "licences.json")
    downloads = Downloads(tmp_path / "models", licences)
    with pytest.raises(LicenceNotAccepted, match="MIT"):
        downloads.start(TINY)
    assert hub.asked == []
    licences.accept(CATALOGUE[TINY].licence)
    assert Licences(tmp_path / "licences.json").accepted(CATALOGUE[TINY].licence)
    assert not licences.accepted(CATALOGUE[LORA].licence)
    assert ended(downloads, TINY).phase == Phase.DONE
    downloads.close()


def test_one_that_is_here_is_not_asked_for_again(hub: Hub, downloads: Downloads) -> None:
    ended(downloads, TINY)
    hub.asked.clear()
    assert ended(downloads, TINY).phase == Phase.DONE
    assert hub.asked == []
