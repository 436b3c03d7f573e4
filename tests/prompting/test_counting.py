"""The count under a prompt: its tokens, and where its chunks begin."""

from __future__ import annotations

from studio import Studio
from studio.models.library import EMBEDDED, EMBEDDED_FOLDER
from studio.presets import CLIP_TOKENIZER
from studio.prompting.counting import count


def test_words_marks_and_tags() -> None:
    assert str(count("a photo of a cat", CLIP_TOKENIZER)) == "5 / 75 tokens"
    assert count("", CLIP_TOKENIZER).tokens == 0
    assert count("a (photo:1.3) of [a] cat <lora:ink:0.5>", CLIP_TOKENIZER).tokens == 5
    assert count("a [photo:drawing:0.5] of a cat", CLIP_TOKENIZER).tokens == 5
    assert count("a cat", EMBEDDED_FOLDER / "tokenizer").room == 30


def test_a_long_prompt_says_where_its_chunks_begin() -> None:
    long = count(", ".join(["a cat on the roof"] * 14) + ", and a castle far away", CLIP_TOKENIZER)
    assert long.room == 150
    assert long.begins == ("a cat on",)
    assert "a further chunk begins at “a cat on”" in str(long)
    assert count("a cat BREAK a castle", CLIP_TOKENIZER).begins == ("a castle",)


def test_what_nobody_will_paint_is_not_counted(studio: Studio) -> None:
    assert studio.count("a cat", EMBEDDED) is not None
    assert studio.count("cat " * 10_000, EMBEDDED) is None
    assert studio.count("a cat", "a model that is not here") is None
