"""Links: good until they expire or are revoked, over restarts, and not to be had from what is kept."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from studio.sharing.links import DAY_S, Links
from studio.sharing.roles import Role


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_link_lets_in_until_it_expires(tmp_path: Path) -> None:
    clock = Clock()
    links = Links(tmp_path, clock)
    token, link = links.make(Role.ARTIST, DAY_S, "for ada")
    assert links.find(token) == link
    assert links.alive() == [link]
    clock.now += DAY_S
    assert links.find(token) is None
    assert links.alive() == []


def test_a_revoked_link_lets_nobody_in_after_a_restart_either(tmp_path: Path) -> None:
    links = Links(tmp_path)
    kept, _ = links.make(Role.ARTIST, DAY_S)
    gone, link = links.make(Role.ARTIST, DAY_S)
    assert links.revoke(link.id)
    assert not links.revoke(link.id)
    for each in (links, Links(tmp_path)):
        assert each.find(gone) is None
        assert each.find(kept) is not None


def test_a_token_has_256_bits_and_is_not_in_the_folder(tmp_path: Path) -> None:
    links = Links(tmp_path)
    token, _ = links.make(Role.OWNER, DAY_S)
    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    assert all(token.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}


@pytest.mark.parametrize("token", ["", "x", "é\ud800", "a" * 10_000, "../secret", "\x00"])
def test_what_is_no_token_finds_nothing(tmp_path: Path, token: str) -> None:
    links = Links(tmp_path)
    links.make(Role.ARTIST, DAY_S)
    assert links.find(token) is None


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"role": "king"}]', '[{"role": "owner"}]', '{"a": 1}'])
def test_a_damaged_file_lets_nobody_in_and_stops_nothing(tmp_path: Path, content: str) -> None:
    token, _ = Links(tmp_path).make(Role.ARTIST, DAY_S)
    (tmp_path / "links.json").write_text(content, encoding="utf-8")
    links = Links(tmp_path)
    assert links.find(token) is None
    again, _ = links.make(Role.ARTIST, DAY_S)
    assert links.find(again)


def test_another_secret_makes_other_links(tmp_path: Path) -> None:
    token, _ = Links(tmp_path).make(Role.ARTIST, DAY_S)
    (tmp_path / "secret").write_bytes(b"short")
    assert Links(tmp_path).find(token) is None


def test_a_name_is_signed_here_and_nowhere_else(tmp_path: Path) -> None:
    links, elsewhere = Links(tmp_path / "one"), Links(tmp_path / "two")
    signed = links.signed("ada")
    assert signed.startswith("ada.")
    assert signed == links.signed("ada") == Links(tmp_path / "one").signed("ada")
    assert signed not in (elsewhere.signed("ada"), links.signed("eve"))


def test_links_end_with_the_one_they_were_made_by(tmp_path: Path) -> None:
    links = Links(tmp_path)
    _, parent = links.make(Role.ARTIST, DAY_S)
    watching, child = links.make(Role.WATCHER, DAY_S, run="r", by=parent.id)
    free, _ = links.make(Role.WATCHER, DAY_S, run="r")
    assert links.is_good(child)
    assert not links.revoke("")
    assert links.revoke(parent.id)
    assert not links.is_good(child)
    assert links.find(watching) is None
    assert links.find(free)
