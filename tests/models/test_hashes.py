"""SHA-256 of model files: right, remembered, and never that of another content."""

import hashlib
import os
from pathlib import Path

import pytest

from studio.models.hashes import Hashes, short, spelt


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "fox.safetensors"
    path.write_bytes(os.urandom(2**22 + 5))
    return path


def test_a_hash_is_computed_and_outlives_the_studio(tmp_path: Path, model: Path) -> None:
    expected = hashlib.sha256(model.read_bytes()).hexdigest()
    hashes = Hashes(tmp_path / "kept" / "hashes.sqlite")
    assert hashes.known(model) == ""
    assert hashes.compute(model) == expected
    assert Hashes(tmp_path / "kept" / "hashes.sqlite").known(model) == expected
    assert short(expected) == expected[:10]


def test_a_changed_or_vanished_file_has_no_known_hash(tmp_path: Path, model: Path) -> None:
    hashes = Hashes(tmp_path / "hashes.sqlite")
    first = hashes.compute(model)
    model.write_bytes(b"another")
    assert hashes.known(model) == ""
    assert hashes.compute(model) != first
    model.unlink()
    assert hashes.known(model) == ""


def test_a_stopped_computation_keeps_nothing(tmp_path: Path, model: Path) -> None:
    assert Hashes(tmp_path / "hashes.sqlite").compute(model, stopped=lambda: True) == ""
    assert not (tmp_path / "hashes.sqlite").exists()


@pytest.mark.parametrize("damage", [b"{", b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_damaged_memory_is_made_anew(tmp_path: Path, model: Path, damage: bytes) -> None:
    file = tmp_path / "hashes.sqlite"
    file.write_bytes(damage)
    expected = hashlib.sha256(model.read_bytes()).hexdigest()
    assert Hashes(file).compute(model) == expected
    assert Hashes(file).known(model) == expected


def test_names_of_any_bytes_are_kept(tmp_path: Path) -> None:
    model = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\x82\xb1.safetensors"))
    model.write_bytes(b"weights")
    hashes = Hashes(tmp_path / "hashes.sqlite")
    expected = hashes.compute(model)
    assert expected == hashlib.sha256(b"weights").hexdigest()
    assert Hashes(tmp_path / "hashes.sqlite").known(model) == expected
    assert spelt(model) == rf"{tmp_path}/\x82\xb1.safetensors"
