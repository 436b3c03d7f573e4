"""Models where people already have them: found, told apart, offered where they can be painted."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

from studio.errors import RequestRefused
from studio.models.family import Kind
from studio.models.hashes import Hashes
from studio.models.library import EMBEDDED, EMBEDDED_QUICK, Library
from studio.models.scan import Found, hub_cache, printable


def lora(path: Path, metadata: dict[str, str] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    name = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
    save_file({name: numpy.zeros((4, 768), numpy.float16)}, path, metadata)


def pipeline(folder: Path, kind: str = "StableDiffusionPipeline", **unet: int) -> None:
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": kind}))
    (folder / "unet" / "config.json").write_text(json.dumps(unet))


def by_name(library: Library) -> dict[str, Found]:
    return {found.name: found for found in library.found}


def test_models_are_found_in_folders_within_folders(tmp_path: Path) -> None:
    lora(tmp_path / "models" / "Lora" / "fox.safetensors", {"ss_tag_frequency": '{"10_fox": {"fox": 9, "red": 2}}'})
    pipeline(tmp_path / "models" / "diffusers" / "mine", cross_attention_dim=1024)
    library = Library([tmp_path])
    library.rescan()
    found = by_name(library)
    assert found["fox"].nature.kind == Kind.LORA
    assert (found["fox"].nature.family, found["fox"].trigger_words) == ("SD 1.x", "fox, red")
    assert (found["mine"].nature.kind, found["mine"].nature.family) == (Kind.CHECKPOINT, "SD 2.x")
    assert library.names == [EMBEDDED, EMBEDDED_QUICK, "mine"]


def test_only_what_can_be_painted_is_offered(tmp_path: Path) -> None:
    pipeline(tmp_path / "xl", "StableDiffusionXLPipeline", cross_attention_dim=2048)
    pipeline(tmp_path / "fill", "StableDiffusionInpaintPipeline", cross_attention_dim=768, in_channels=9)
    pipeline(tmp_path / "plain", cross_attention_dim=768, in_channels=4)
    pipeline(tmp_path / "refiner", "StableDiffusionXLImg2ImgPipeline", cross_attention_dim=1280)
    pipeline(tmp_path / "flux", "FluxPipeline")
    pipeline(tmp_path / "mochi", "MochiPipeline")
    library = Library([tmp_path])
    assert library.names == [EMBEDDED, EMBEDDED_QUICK, "fill", "flux", "plain", "xl"]
    assert by_name(library)["xl"].nature.family == "SDXL"
    assert by_name(library)["fill"].nature.inpainting


def test_new_files_appear_changed_ones_are_read_again_and_gone_ones_go(tmp_path: Path) -> None:
    library = Library([tmp_path])
    (tmp_path / "fox.safetensors").write_bytes(b"<html>not yet</html>")
    library.rescan()
    assert "web page" in by_name(library)["fox"].problem
    lora(tmp_path / "fox.safetensors")
    library.rescan()
    assert not by_name(library)["fox"].problem
    (tmp_path / "fox.safetensors").unlink()
    library.rescan()
    assert library.found == []


def test_a_pickle_is_never_loaded_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x02}q\x00.")
    library = Library([tmp_path])
    library.rescan()
    assert "can run code" in by_name(library)["old"].problem


def test_two_models_of_one_name_are_both_offered(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        pipeline(tmp_path / parent / "same", cross_attention_dim=768)
    assert Library([tmp_path / "a", tmp_path / "b"]).names == [EMBEDDED, EMBEDDED_QUICK, "same", "same (b)"]


def test_models_are_listed_by_kind_and_name_without_those_that_cannot_be_read(tmp_path: Path) -> None:
    lora(tmp_path / "a" / "fox.safetensors", {"ss_base_model_version": "sd_v1"})
    lora(tmp_path / "b" / "fox.safetensors")
    (tmp_path / "b" / "broken.safetensors").write_bytes(b"")
    pipeline(tmp_path / "mine", cross_attention_dim=768)
    library = Library([tmp_path])
    library.rescan()
    loras = library.of_kind(Kind.LORA)
    assert list(loras) == ["fox", "fox (b)"]
    assert loras["fox (b)"].path == tmp_path / "b" / "fox.safetensors"
    assert (loras["fox"].base_model, loras["fox (b)"].base_model) == ("sd_v1", "")
    assert list(library.of_kind(Kind.CHECKPOINT)) == ["mine"]
    assert library.of_kind(Kind.UNKNOWN) == {}


def test_a_lora_is_asked_for_by_its_file_by_its_alias_and_in_any_case(tmp_path: Path) -> None:
    lora(tmp_path / "Ink_drawing_v2.safetensors", {"ss_output_name": "ink"})
    lora(tmp_path / "oil.safetensors", {"ss_output_name": "last"})
    lora(tmp_path / "chalk.safetensors", {"ss_output_name": "last"})
    lora(tmp_path / "pen.safetensors", {"ss_output_name": "oil"})
    library = Library([tmp_path])
    library.rescan()

    def asked(name: str) -> str:
        (found,) = library.loras(f"a cat <lora:{name}:0.8>")
        return found.path.stem

    assert [asked(name) for name in ("Ink_drawing_v2", "ink", "ink_DRAWING_v2")] == ["Ink_drawing_v2"] * 3
    assert [asked("oil"), asked("OIL")] == ["oil"] * 2, "a file's name goes before another one's alias"
    with pytest.raises(RequestRefused, match="no LoRA of the name 'last'"):
        asked("last")


@pytest.mark.parametrize(
    ("told", "short"),
    [("0xABCDEF" + "1" * 58, "abcdef111111"), ("ab" * 32, "ab" * 6), ("<b>", ""), ("ab", ""), ("", "")],
)
def test_a_lora_is_told_by_the_hash_that_its_trainer_wrote(tmp_path: Path, told: str, short: str) -> None:
    lora(tmp_path / "ink.safetensors", {"sshs_model_hash": told})
    library = Library([tmp_path])
    library.rescan()
    assert library.loras("a cat <lora:ink:1>")[0].short_hash == short


def test_files_are_hashed_and_what_cannot_be_read_is_not(tmp_path: Path) -> None:
    lora(tmp_path / "models" / "fox.safetensors")
    (tmp_path / "models" / "old.ckpt").write_bytes(b"\x80\x02}q\x00.")
    library = Library([tmp_path / "models"], hashes=Hashes(tmp_path / "hashes.sqlite"))
    library.rescan()
    fox, old = by_name(library)["fox"], by_name(library)["old"]
    assert library.sha256(fox) == ""
    library.hash_files()
    assert library.sha256(fox) == hashlib.sha256(fox.path.read_bytes()).hexdigest()
    assert library.sha256(old) == ""


def test_hashing_stands_aside_while_the_machine_is_busy(tmp_path: Path) -> None:
    lora(tmp_path / "models" / "fox.safetensors")
    library = Library([tmp_path / "models"], hashes=Hashes(tmp_path / "hashes.sqlite"))
    library.rescan()
    asked: list[str] = []

    def busy() -> bool:
        asked.append(library.sha256(by_name(library)["fox"]))
        return len(asked) < 3

    library.hash_files(busy)
    assert asked == ["", "", ""]
    assert library.sha256(by_name(library)["fox"])


def test_of_the_hubs_cache_only_whole_snapshots_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot(repo: str, **weights: list[str]) -> None:
        folder = tmp_path / f"models--somebody--{repo}" / "snapshots" / ("a" * 40)
        index = {"_class_name": "StableDiffusionPipeline", "safety_checker": [None, None]}
        folder.mkdir(parents=True)
        (folder / "model_index.json").write_text(json.dumps(index | {part: ["diffusers", "A"] for part in weights}))
        for part, names in weights.items():
            (folder / part).mkdir()
            shards = {"weight_map": {"a.weight": "m-1.safetensors", "b.weight": "m-2.safetensors"}}
            (folder / part / "m.safetensors.index.json").write_text(json.dumps(shards if len(names) > 1 else {}))
            for name in names:
                (folder / part / name).write_bytes(b"") if name != "gone" else None
        refs = folder.parent.parent / "refs"
        refs.mkdir()
        (refs / "main").write_text("a" * 40)

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot("whole", unet=["m-1.safetensors", "m-2.safetensors"], vae=["v.safetensors"])
    snapshot("half", unet=["m-1.safetensors", "gone"], vae=["v.safetensors"])
    snapshot("bare", unet=["m-1.safetensors", "m-2.safetensors"], vae=[])
    assert list(hub_cache()) == ["whole"]


def test_of_the_hubs_cache_parts_and_loras_are_listed_by_their_repositories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def repository(name: str, config: dict[str, object], *files: str) -> None:
        folder = tmp_path / f"models--somebody--{name}"
        snapshot, blobs = folder / "snapshots" / ("a" * 40), folder / "blobs"
        for each in (snapshot, blobs, folder / "refs"):
            each.mkdir(parents=True)
        (folder / "refs" / "main").write_text("a" * 40)
        if config:
            (snapshot / "config.json").write_text(json.dumps(config))
        for file in files:
            lora(blobs / file) if "lora" in file else save_file({"a": numpy.zeros(1)}, blobs / file)
            (snapshot / file).symlink_to(blobs / file)

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    weights = "diffusion_pytorch_model.safetensors"
    repository("a-vae", {"_class_name": "AutoencoderKL", "latent_channels": 4}, weights)
    repository("canny", {"_class_name": "ControlNetModel", "cross_attention_dim": 768}, weights)
    repository("coming", {"_class_name": "ControlNetModel"})
    repository("reader", {"architectures": ["CLIPTextModel"]}, "model.safetensors")
    repository("ink", {}, "pytorch_lora_weights.safetensors", "something.safetensors")
    repository("two", {}, "4-steps-lora.safetensors", "8-steps-lora.safetensors")
    library = Library([], hub=True)
    library.rescan()
    kinds = {found.name: (found.nature.kind, found.nature.family, found.problem) for found in library.found}
    assert kinds == {
        "a-vae": (Kind.VAE, "", ""),
        "canny": (Kind.CONTROLNET, "SD 1.x", ""),
        "ink": (Kind.LORA, "SD 1.x", ""),
        "two 4-steps-lora": (Kind.LORA, "SD 1.x", ""),
        "two 8-steps-lora": (Kind.LORA, "SD 1.x", ""),
    }
    assert "canny" in library.controls
    assert library.loras("a fox <lora:ink:1>")[0].path.name == "pytorch_lora_weights.safetensors"


def test_a_folder_is_a_model_itself_and_settings_of_other_programs_are_none(tmp_path: Path) -> None:
    pipeline(tmp_path / "sdxl", "StableDiffusionXLPipeline", cross_attention_dim=2048)
    lora(tmp_path / "webui" / "extra" / "fox.safetensors")
    (tmp_path / "webui" / "config.json").write_text('{"samples_save": true}')
    library = Library([tmp_path / "sdxl"])
    assert library.names == [EMBEDDED, EMBEDDED_QUICK, "sdxl"]
    library.rescan()
    assert library.names == [EMBEDDED, EMBEDDED_QUICK, "sdxl"]
    assert [found.name for found in library.found] == ["sdxl"]
    around = Library([tmp_path])
    around.rescan()
    assert {"sdxl", "fox"} == set(by_name(around))


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    pipeline(tmp_path / "disk" / "mine", cross_attention_dim=768)
    lora(tmp_path / "disk" / "loras" / "fox.safetensors")
    models = tmp_path / "models"
    models.mkdir()
    (models / "mine").symlink_to(tmp_path / "disk" / "mine")
    (models / "nas").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "circle").symlink_to(models)
    library = Library([models])
    for _ in range(2):
        library.rescan()
        assert [found.name for found in library.found] == ["mine", "fox"]


def test_a_folder_with_pickles_alone_says_why_it_is_not_offered(tmp_path: Path) -> None:
    for part in ("unet", "vae"):
        pipeline(tmp_path / "v1.5") if part == "unet" else (tmp_path / "v1.5" / part).mkdir()
        (tmp_path / "v1.5" / part / "diffusion_pytorch_model.bin").touch()
    library = Library([tmp_path])
    assert library.names == [EMBEDDED, EMBEDDED_QUICK]
    assert "can run code" in by_name(library)["v1.5"].problem
    for part in ("unet", "vae"):
        (tmp_path / "v1.5" / part / "diffusion_pytorch_model.safetensors").touch()
    assert Library([tmp_path]).names == [EMBEDDED, EMBEDDED_QUICK, "v1.5"]


@pytest.mark.parametrize(
    ("name", "shape", "prediction", "side"),
    [
        ("conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias", (1280,), "", 1024),
        ("model.diffusion_model.output_blocks.11.0.skip_connection.weight", (320, 640, 1, 1), "", 512),
        ("model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight", (320, 1024), "", 768),
        ("model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight", (320, 1024), "epsilon", 512),
    ],
)
def test_a_single_file_is_painted_at_the_size_of_its_family(
    tmp_path: Path, name: str, shape: tuple[int, ...], prediction: str, side: int
) -> None:
    metadata = {"modelspec.prediction_type": prediction}
    save_file({name: numpy.zeros(shape, numpy.float16)}, tmp_path / "whole.safetensors", metadata)
    library = Library([tmp_path])
    library.rescan()
    assert library.native_side("whole") == side


def test_a_lora_may_have_a_name_of_any_bytes(tmp_path: Path) -> None:
    lora(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\x82\xb1.safetensors")))
    library = Library([tmp_path], hashes=Hashes(tmp_path / "hashes.sqlite"))
    library.rescan()
    library.hash_files()
    (found,) = library.found
    assert library.sha256(found)
    assert library.loras(f"a fox <lora:{found.name}>")[0].path == found.path


def test_names_hold_no_control_characters_and_no_ways_to_elsewhere() -> None:
    assert printable("a\x00b\nc\u202e/../d") == "a_b_c__.._d"


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    library = Library([tmp_path / "nowhere"])
    library.rescan()
    assert library.names == [EMBEDDED, EMBEDDED_QUICK]


def test_what_may_not_be_read_is_passed_over_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline(tmp_path / "models" / "tiny")
    for name in ("lost+found", "private"):
        (tmp_path / "models" / name).mkdir()
    (tmp_path / "closed").mkdir()
    is_file, iterdir = Path.is_file, Path.iterdir

    def may_look(path: Path) -> bool:
        if path.parent.name in ("lost+found", "private"):
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    def may_list(path: Path) -> Iterator[Path]:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "is_file", may_look)
    monkeypatch.setattr(Path, "iterdir", may_list)
    assert "tiny" in by_name(Library([tmp_path / "closed", tmp_path / "models"]))
