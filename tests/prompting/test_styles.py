"""styles.csv: as the web UI writes and applies it, and what is none."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import RequestRefused, UnreadableStyles
from studio.presets import PRESETS
from studio.prompting.styles import MOST_BYTES, Style, Styles, applied, files, read

TABLE = """\ufeffname,prompt,negative_prompt
Ink,"ink drawing of {prompt}, lines","colour, {prompt}"
Old,"by hand
on paper",
,nothing,
Short
Bare,{prompt},,more,columns
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "styles.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_it_reads_as_the_web_ui_writes_it(table: Path) -> None:
    ink, old, short, bare = read(table)
    assert ink == Style("Ink", "ink drawing of {prompt}, lines", "colour, {prompt}")
    assert old.prompt == "by hand\non paper"
    assert short == Style("Short")
    assert bare.prompt == "{prompt}"


@pytest.mark.parametrize(
    ("style", "made"),
    [
        (Style("", "ink of {prompt}!", ""), ("ink of a cat!", "rain")),
        (Style("", "ink", "blur"), ("a cat, ink", "rain, blur")),
        (Style("", "", "no {prompt}"), ("a cat", "no rain")),
        (Style("", "{prompt} and {prompt}"), ("a cat and a cat", "rain")),
    ],
)
def test_a_style_is_put_around_the_prompt_or_behind_it(style: Style, made: tuple[str, str]) -> None:
    assert applied("a cat", "rain", [style]) == made


def test_several_go_one_after_the_other_and_an_empty_prompt_needs_no_comma() -> None:
    assert applied("a cat", "", [Style("a", "x {prompt}"), Style("b", "y")]) == ("x a cat, y", "")
    assert applied("", " ", [Style("a", "x", "y")]) == ("x", "y")


def test_what_is_shipped_can_be_read_and_the_last_files_names_count(table: Path, tmp_path: Path) -> None:
    found = Styles(files(PRESETS, [tmp_path], tmp_path / "none", tmp_path / "own.csv"))
    assert {"Night", "Watercolour", "Ink"} <= found.named.keys()
    (tmp_path / "own.csv").write_text("name,text\nInk,mine\n")
    assert found.applied("a cat", "", ["Ink", "Night"])[0] == "a cat, mine at night"
    assert not found.problems
    with pytest.raises(RequestRefused, match=r"no style of the name 'Inc'. There are: Night"):
        found.applied("a cat", "", ["Inc"])
    with pytest.raises(RequestRefused, match="At most 16 styles"):
        found.applied("a cat", "", ["Ink"] * 17)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "its first line reads"),
        (b"<html><body>not found</body></html>", "its first line reads"),
        (b"title,prompt\na,b\n", "its first line reads"),
        (b"name,prompt\n\xff\xfe,x\n", "no text in UTF-8"),
        (b"name,prompt\na,\0\n" + b'"' + b"x" * 200_000, "no table of styles"),
        (b"name,prompt\n" + b"a,b\n" * 6_000, "too large"),
        (b"name,prompt\n" + b"a" * MOST_BYTES, "no table of styles|too large"),
    ],
    ids=["empty", "html", "no name", "latin", "nul", "rows", "bytes"],
)
def test_a_file_that_is_none_is_told_and_the_others_are_there(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableStyles, match=sentence):
        read(path)
    found = Styles([PRESETS / "styles.csv", path])
    assert len(found.problems) == 1
    assert str(tmp_path) not in found.problems[0]
    assert "Night" in found.named
    path.write_text("name,prompt\nInk,ink of {prompt}\n")
    assert "Ink" in found.named
    assert not found.problems


@given(st.binary(max_size=300) | st.text().map(lambda text: f"name,prompt\n{text}".encode(errors="replace")))
def test_any_file_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("styles") / "styles.csv"
    path.write_bytes(content)
    with contextlib.suppress(UnreadableStyles):
        assert all(style.name for style in read(path))
