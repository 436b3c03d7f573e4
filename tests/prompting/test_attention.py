"""Published examples of the web UI: its wiki's page of features, and the comment above its parser."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompting.attention import Weighted, escape, is_plain, parse

MARKS = st.text(st.sampled_from("()[]\\:. 01.5-+abBREAK\n")) | st.text()


@pytest.mark.parametrize(
    ("prompt", "pieces"),
    [
        ("normal text", [("normal text", 1)]),
        ("an (important) word", [("an ", 1), ("important", 1.1), (" word", 1)]),
        ("a ((word))", [("a ", 1), ("word", 1.21)]),
        ("a [word]", [("a ", 1), ("word", 1 / 1.1)]),
        ("a (word:1.5)", [("a ", 1), ("word", 1.5)]),
        ("a (word:0.25)", [("a ", 1), ("word", 0.25)]),
        ("a (word: 1.3 )", [("a ", 1), ("word", 1.3)]),
        (r"a \(word\)", [("a (word)", 1)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1), (" c", 1 / 1.1)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        ),
    ],
)
def test_published_examples_have_their_known_weights(prompt: str, pieces: list[tuple[str, float]]) -> None:
    (section,) = parse(prompt)
    assert [piece.text for piece in section] == [text for text, _ in pieces]
    assert [piece.weight for piece in section] == pytest.approx([weight for _, weight in pieces])


def test_break_parts_sections_and_brackets_reach_over_it() -> None:
    assert parse("sea BREAK (sky BREAK sun)") == (
        (Weighted("sea"),),
        (Weighted("sky", 1.1),),
        (Weighted("sun", 1.1),),
    )
    assert parse("a BREAKFAST, break") == ((Weighted("a BREAKFAST, break"),),)


@pytest.mark.parametrize("prompt", ["a) b", "a] b", "3:1) b", "(a: b", ":-)", "a \\ b"])
def test_marks_that_close_nothing_are_text(prompt: str) -> None:
    (section,) = parse(prompt)
    assert "".join(piece.text for piece in section) == prompt.replace("(", "")


@given(MARKS)
def test_any_text_is_read_into_finite_weights(prompt: str) -> None:
    for section in parse(prompt):
        assert all(piece.text and math.isfinite(piece.weight) for piece in section)


def test_thousands_of_brackets_are_read() -> None:
    ((piece,),) = parse("(" * 3000 + "deep" + ":9999)" * 2999 + ":0)")
    assert piece.text == "deep"
    assert math.isfinite(piece.weight)


@given(MARKS.filter(lambda text: "BREAK" not in text))
def test_escapes_round_trip(text: str) -> None:
    assert parse(escape(text)) == (((Weighted(text),),) if text else ((),))


@given(MARKS.filter(lambda text: "BREAK" not in text))
def test_weight_1_is_no_weight(text: str) -> None:
    assert is_plain(f"({escape(text)}:1)")
    assert parse(f"({escape(text)}:1)") == parse(escape(text))
