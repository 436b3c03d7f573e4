"""The tokenizer: byte-level BPE in CLIP's own format, in which every word of the world is one token."""

import hashlib
import json
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from studio.training.world import Edition
from studio.training.world.captions import words

MAX_LENGTH = 32
START, END = "<|startoftext|>", "<|endoftext|>"


def build(edition: Edition, folder: Path) -> CLIPTokenizer:
    """The tokenizer in ``folder``. Where there is none yet, the merges are trained until each word is one token,
    CLIP's vocab.json and merges.txt are written, and loaded back as a CLIPTokenizer; other words fall apart into
    pieces. It is made once: the trainer breaks ties by chance, so another would have other numbers for some words than
    the weights that were trained with this one."""
    if (folder / "tokenizer_config.json").exists():
        kept: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
        return kept
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.normalizer = normalizers.Lowercase()
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=20_000, min_frequency=1, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
    )
    bpe.train_from_iterator(words(edition), trainer)
    learned = json.loads(bpe.to_str())["model"]
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split()) for merge in learned["merges"]]
    pieces = [*alphabet, *(letter + "</w>" for letter in alphabet), *("".join(merge) for merge in merges)]
    tokens = {token: index for index, token in enumerate([*dict.fromkeys(pieces), START, END])}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokenizer = CLIPTokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        unk_token=END,
        pad_token=END,
        model_max_length=MAX_LENGTH,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def fingerprint(tokenizer: CLIPTokenizer) -> str:
    """Which numbers its words have."""
    told = json.dumps(tokenizer.get_vocab(), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]
