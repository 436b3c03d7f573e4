"""Textual inversions: names in a prompt that stand for trained vectors."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import save_file

from studio import GenerationRequest, Run, Studio
from studio.errors import ModelUnavailable
from studio.gallery.infotext import parse
from studio.gallery.pictures import read_infotext
from studio.prompting import encode
from studio.prompting.chunks import read
from studio.prompting.embeddings import FIRST, Vocabulary, load
from studio.prompting.names import named_in
from tests.tiny_models import stable_diffusion, stable_diffusion_xl


def vectors(count: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("embeddings")
    stable_diffusion(made / "tiny")
    stable_diffusion_xl(made / "xl")
    save_file({"emb_params": vectors(3, 32)}, made / "EasyNight.safetensors")
    save_file({"clip_l": vectors(2, 32), "clip_g": vectors(2, 48, 1)}, made / "glow-xl.safetensors")
    save_file({"emb_params": vectors(1, 768)}, made / "large.safetensors")
    save_file({"<toy>": vectors(1, 768)[0]}, made / "toy.safetensors")
    return made


@pytest.fixture(scope="module")
def studio(own_studio: Studio) -> Studio:
    return own_studio


def painted(studio: Studio, prompt: str, negative: str = "", model: str = "tiny") -> Run:
    run = studio.submit(
        GenerationRequest(
            prompt=prompt,
            negative_prompt=negative,
            model=model,
            steps=2,
            seed=1,
            width=64,
            height=64,
            reproducible=True,
        )
    )
    assert run.result.paths
    return run


def test_a_word_is_its_vectors(folder: Path) -> None:
    pipeline: Any = DiffusionPipeline.from_pretrained(folder / "tiny")
    encoder, tokenizer = pipeline.text_encoder, pipeline.tokenizer
    night = tokenizer("night", add_special_tokens=False).input_ids
    table = encoder.get_input_embeddings().weight
    save_file({"emb_params": table[night].detach().clone()}, folder.parent / "same.safetensors")
    same = load("same", folder.parent / "same.safetensors", [32])
    told = {"device": torch.device("cpu"), "num_images_per_prompt": 1, "do_classifier_free_guidance": True}
    plain = pipeline.encode_prompt(prompt=["a cat at night"], negative_prompt=[""], **told)
    ours = encode.reading(pipeline, embeddings=[same])(prompt=["a cat at same"], negative_prompt=[""], **told)
    assert torch.allclose(plain[0], ours[0], atol=1e-5)


def test_names_are_words_of_their_own_whatever_their_case() -> None:
    names = ["EasyNight", "glow-xl"]
    assert named_in(["a cat, easynight"], names) == ["EasyNight"]
    assert named_in(["a (glow-xl:1.2) cat", "EASYNIGHT"], names) == names
    assert named_in(["easynights, my-easynight, glow-xl-2"], names) == []


def test_every_vector_is_a_token(folder: Path) -> None:
    pipeline: Any = DiffusionPipeline.from_pretrained(folder / "tiny")
    vocabulary = Vocabulary(pipeline.tokenizer, [load("EasyNight", folder / "EasyNight.safetensors", [32])])
    (chunk,) = read("a (easynight:1.3) cat", vocabulary)
    assert chunk.tokens[1:4] == (FIRST, FIRST + 1, FIRST + 2)
    assert chunk.weights[1:4] == (1.3, 1.3, 1.3)
    assert len(chunk.tokens) == 5


@pytest.mark.parametrize(("model", "name"), [("tiny", "EasyNight"), ("xl", "glow-xl")])
def test_it_changes_what_names_it_and_nothing_else(studio: Studio, model: str, name: str) -> None:
    before = painted(studio, "a cat", model=model)
    named = painted(studio, f"a cat, {name}", model=model)
    avoided = painted(studio, "a cat", name, model)
    made = [run.steps[-1].latents for run in (before, named, avoided)]
    assert all(not torch.allclose(one, other, atol=1e-4) for one in made for other in made if one is not other)
    assert torch.equal(painted(studio, "a cat", model=model).steps[-1].latents, made[0])
    assert [word.word for word in studio.words(named, 0)] == ["a", "cat", name]


@pytest.mark.parametrize("name", ["large", "toy"])
def test_one_of_another_family_is_a_plain_word_which_is_told(studio: Studio, folder: Path, name: str) -> None:
    """Its name may be any word: it ends no run that merely holds it."""
    with pytest.raises(ModelUnavailable, match=f"'{name}' is made for another family"):
        load(name, folder / f"{name}.safetensors", [32])
    run = painted(studio, f"a {name} cat, EasyNight")
    assert run.notes == (
        f"The textual inversion '{name}' is made for another family of models. Its name was read as plain words.",
    )
    (folder / f"{name}.safetensors").rename(folder / f"{name}.away")
    try:
        studio.library.rescan()
        plain = painted(studio, f"a {name} cat, EasyNight")
    finally:
        (folder / f"{name}.away").rename(folder / f"{name}.safetensors")
        studio.library.rescan()
    assert plain.notes == ()
    assert torch.equal(plain.steps[-1].latents, run.steps[-1].latents)


def test_a_name_inside_the_tag_of_a_lora_names_no_inversion(studio: Studio) -> None:
    assert studio.library.embeddings(["a cat <lora:EasyNight:0.8>", ""]) == []
    (found,) = studio.library.embeddings(["a cat <lora:glow-xl:0.8>", "easynight"])
    assert found.name == "EasyNight"


def test_its_hash_is_in_the_infotext_once_it_is_known(studio: Studio, folder: Path) -> None:
    studio.library.hash_files()
    sha256 = hashlib.sha256((folder / "EasyNight.safetensors").read_bytes()).hexdigest()
    found = parse(read_infotext(painted(studio, "a cat", "easynight").result.paths[0]))
    assert found["TI hashes"] == f"EasyNight: {sha256[:12]}"
    assert "TI hashes" not in parse(read_infotext(painted(studio, "a cat").result.paths[0]))
