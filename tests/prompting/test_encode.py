"""Prompts in the web UI's syntax, as embeddings of real text encoders with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from studio import GenerationRequest, Studio
from studio.prompting import encode
from studio.prompting.chunks import MOST_CARRIED, chunks, read
from studio.prompting.embeddings import Vocabulary

LONG = ", ".join(["a cat on a street at night"] * 8)
ROOM = 30
"""Words the embedded model's tokenizer, which the tiny models have, takes at once."""


@pytest.fixture(scope="module", params=["tiny-epsilon", "tiny-xl"])
def pipeline(models: Path, request: pytest.FixtureRequest) -> Any:
    made = DiffusionPipeline.from_pretrained(models / request.param)
    for name in ("text_encoder", "text_encoder_2"):
        for key, tensor in getattr(made, name, torch.nn.Identity()).state_dict().items():
            if key.endswith("norm.bias") or key.endswith("norm2.bias") or "fc2.bias" in key:
                tensor.fill_(0.2)  # as in trained encoders, whose words have a mean
    return made


def embedded(pipeline: Any, prompt: str, negative: str = "", clip_skip: int = 1) -> tuple[Tensor, ...]:
    """What the pipeline's call would get."""
    made: tuple[Tensor, ...] = encode.reading(pipeline, clip_skip)(
        prompt=[prompt], device=torch.device("cpu"), num_images_per_prompt=1,
        do_classifier_free_guidance=True, negative_prompt=[negative],
    )  # fmt: skip
    return made


def own(pipeline: Any, prompt: str, negative: str = "") -> tuple[Tensor, ...]:
    made: tuple[Tensor, ...] = pipeline.encode_prompt(
        prompt=[prompt], device=torch.device("cpu"), num_images_per_prompt=1,
        do_classifier_free_guidance=True, negative_prompt=[negative],
    )  # fmt: skip
    return made


def equal(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> bool:
    return len(one) == len(other) and all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_a_plain_prompt_is_read_as_the_pipeline_reads_it(pipeline: Any) -> None:
    assert equal(embedded(pipeline, "a cat at night", "rain"), own(pipeline, "a cat at night", "rain"))


def test_an_escaped_bracket_is_a_bracket(pipeline: Any) -> None:
    assert equal(embedded(pipeline, r"a cat \(night\)"), own(pipeline, "a cat (night)"))


def test_a_weight_of_one_everywhere_changes_nothing(pipeline: Any) -> None:
    plain = own(pipeline, "a cat at night")
    for one, other in zip(embedded(pipeline, "a (cat:1.0) at night"), plain, strict=True):
        assert torch.equal(one, other)
    chunk = read("a cat at night", Vocabulary(pipeline.tokenizer))[0]
    told = encode._encoded(pipeline, ["a cat at night", ""], 1, 1)
    assert len(chunk.tokens) == 4
    for one, other in zip(told, plain, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_a_weight_makes_its_word_louder_and_keeps_the_mean(pipeline: Any) -> None:
    plain, loud = (embedded(pipeline, prompt)[0][0].detach() for prompt in ("a cat at night", "a (cat:2) at night"))
    # In XL each encoder's part has a mean of its own.
    parts = [(0, 32)] if plain.shape[-1] == 32 else [(0, 32), (32, 80)]
    for start, end in parts:
        before, after = plain[:, start:end], loud[:, start:end]
        assert after.mean() == pytest.approx(float(before.mean()), rel=1e-3)
        ratio = (after / before).mean(1)
        assert ratio[2] == pytest.approx(2 * float(ratio[1]), rel=1e-3)


def test_what_is_longer_than_a_chunk_is_read_in_several_and_so_is_the_other_prompt(pipeline: Any) -> None:
    words = embedded(pipeline, LONG, "rain")
    many = len(read(LONG, Vocabulary(pipeline.tokenizer)))
    assert many == 3
    assert words[0].shape[1] == words[1].shape[1] == many * 32
    first = own(pipeline, LONG)[0]
    assert torch.allclose(words[0][:, :20], first[:, :20], atol=1e-5)


def test_break_begins_a_chunk(pipeline: Any) -> None:
    two = embedded(pipeline, "a cat BREAK at night")[0]
    assert two.shape[1] == 64
    assert torch.allclose(two[:, :32], own(pipeline, "a cat")[0], atol=1e-5)
    assert torch.allclose(two[:, 32:], own(pipeline, "at night")[0], atol=1e-5)


def test_clip_skip_takes_the_layer_before(models: Path) -> None:
    pipeline: Any = DiffusionPipeline.from_pretrained(models / "tiny-epsilon")
    words = embedded(pipeline, "a cat", clip_skip=2)[0]
    ids = pipeline.tokenizer("a cat", padding="max_length", return_tensors="pt").input_ids
    encoder = pipeline.text_encoder
    layer = encoder(ids, output_hidden_states=True).hidden_states[-2]
    normed = getattr(encoder, "text_model", encoder).final_layer_norm(layer)
    assert torch.allclose(words, normed, atol=1e-5)
    assert not torch.allclose(words, own(pipeline, "a cat")[0], atol=1e-2)


@pytest.mark.parametrize("clip_skip", [1, 2])
def test_prompts_that_change_are_read_for_every_picture_of_a_batch(studio: Studio, clip_skip: int) -> None:
    known: dict[str, Any] = {"steps": 4, "seed": 1, "width": 64, "height": 64, "reproducible": True}
    known |= {"model": "tiny-epsilon", "batch_size": 2, "clip_skip": clip_skip}
    plain, changing = (studio.submit(GenerationRequest(prompt=text, **known)) for text in ("a cat", "a [cat:dog:3]"))
    for run in (plain, changing):
        assert len(run.result.paths) == 2
    pairs = zip(plain.steps, changing.steps, strict=True)
    same = [torch.allclose(one.latents, other.latents, atol=1e-5) for one, other in pairs]
    assert same == [True, True, True, False]


@pytest.mark.parametrize("model", ["tiny-epsilon", "tiny-xl"])
def test_it_is_painted_and_the_words_are_found(studio: Studio, model: str) -> None:
    known: dict[str, Any] = {"model": model, "steps": 2, "seed": 1, "width": 64, "height": 64, "reproducible": True}
    plain, loud, long = (
        studio.submit(GenerationRequest(prompt=prompt, **known))
        for prompt in ("a cat at night", "a (cat:1.6) [at] night", f"{LONG} BREAK a (dog:1.2)")
    )
    for run in (plain, loud, long):
        assert run.result.paths
    assert not torch.equal(plain.steps[-1].latents, loud.steps[-1].latents)
    assert [word.word for word in studio.words(loud, 0)] == ["a", "cat", "at", "night"]
    assert [word.word for word in studio.words(long, 0)][-2:] == ["a", "dog"]


tokens = st.lists(st.integers(0, 9), max_size=200)


@given(tokens, st.integers(25, 75))
@settings(max_examples=200)
def test_no_token_is_lost_and_no_chunk_too_long(ids: list[int], room: int) -> None:
    from studio.prompting.attention import Weighted

    section = (Weighted("text"),)
    found = chunks((section,), lambda _: ids, room, comma=3)
    assert [token for chunk in found for token in chunk.tokens] == ids
    assert all(len(chunk.tokens) <= room for chunk in found)
    assert all(len(chunk.tokens) >= room - MOST_CARRIED for chunk in found[:-1])
    for chunk in found[:-1]:
        assert len(chunk.tokens) == room or chunk.tokens[-1] == 3
