"""The history: rows are found again, by words and filters, page by page, and only by their owner."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.gallery import schema
from studio.gallery.history import NAME, History
from studio.gallery.search import LARGEST, Search, match
from studio.request import GenerationRequest
from tests.gallery.kept import row

PAGES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path)
    yield made
    made.close()


def seeds(history: History, owner: str = "local", **search: Any) -> list[int]:
    return [kept.seed for kept in history.page(owner, Search(**search))]


def test_a_row_comes_back_as_it_was(history: History) -> None:
    asked = row(7, prompt="a cat\nasleep", negative_prompt="rain", cfg_scale=3.5, batch_size=4, image="ab" * 32)
    history.add([asked])
    (found,) = history.page("local")
    assert found == asked
    assert history.find(asked.id, "local") == asked
    assert GenerationRequest.from_json(found.request).batch_size == 1
    assert found.made == 7


def test_the_newest_come_first_and_pages_follow_each_other(history: History) -> None:
    history.add(row(number) for number in range(1, 11))
    first = history.page("local", count=4)
    second = history.page("local", before=first[-1].id, count=4)
    third = history.page("local", before=second[-1].id, count=4)
    assert [kept.seed for kept in first + second + third] == list(range(10, 0, -1))


@PAGES
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["local", "user-ada"]), st.sampled_from("ab")), max_size=25
    ),
    count=st.integers(1, 7),
    text=st.sampled_from(["", "a", "b"]),
)
def test_pages_together_are_all_of_an_owners_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, str]], count: int, text: str
) -> None:
    history = History(tmp_path_factory.mktemp("pages"))
    history.add(
        replace(row(index, owner=owner, prompt=word), id=made * 1_000_000)
        for index, (made, owner, word) in enumerate(rows)
    )
    for owner in ("local", "user-ada"):
        found, before = [], None
        while page := history.page(owner, Search(text=text), before, count):
            found += [kept.seed for kept in page]
            before = page[-1].id
        expected = [index for index, (_, whose, word) in enumerate(rows) if whose == owner and text in ("", word)]
        assert sorted(found) == expected
    history.close()


def test_words_are_found_by_their_beginnings_in_either_prompt(history: History) -> None:
    history.add(
        [
            row(1, prompt="a fox in the snow"),
            row(2, prompt="a cat", negative_prompt="fox"),
            row(3, prompt="Füchse im Schnee"),
            row(4, prompt="a foxglove, (blue:1.2)"),
        ]
    )
    assert seeds(history, text="fox") == [4, 2, 1]
    assert seeds(history, text="SNOW fo") == [1]
    assert seeds(history, text="fuchs") == [3]
    assert seeds(history, text="(blue:1.2)") == [4]
    assert seeds(history, text="wolf") == []
    assert seeds(history, text="a NOT cat") == []


@PAGES
@given(st.text() | st.text(st.sampled_from('"*^:()-+{}\\ NEARORAND\0x')))
def test_no_text_is_an_error(history: History, text: str) -> None:
    history.page("local", Search(text=text, model=text.encode(errors="replace").decode()))
    assert len(match(text)) < 20_000


@pytest.mark.parametrize("number", [-(10**30), -1, 0, LARGEST, 10**30])
def test_no_number_is_an_error(history: History, number: int) -> None:
    assert seeds(history, seed=number, size=(number, number), since=float(number), until=float(number)) == []
    assert history.page("local", before=number) == []


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({"sampler": "DDIM"}, [2]),
        ({"model": "other"}, [3]),
        ({"seed": 1}, [1]),
        ({"size": (256, 128)}, [2]),
        ({"since": 2.0}, [3, 2]),
        ({"until": 2.0}, [1]),
        ({"since": 2.0, "until": 3.0}, [2]),
        ({"favourites": True}, [2]),
        ({"tag": "best"}, [3]),
        ({"text": "picture", "favourites": True, "sampler": "DDIM"}, [2]),
    ],
)
def test_filters(history: History, search: dict[str, Any], expected: list[int]) -> None:
    rows = [row(1), row(2, sampler="DDIM", width=256), row(3, model="other")]
    history.add(rows)
    history.set_favourite(rows[1].id, "local", True)
    assert history.set_tags(rows[2].id, "local", ["best", " best ", "of  all", ""]) == ["best", "of all"]
    assert seeds(history, **search) == expected


def test_what_was_thrown_away_is_looked_through_apart(history: History) -> None:
    rows = [row(number, steps=10 + number) for number in range(1, 7)]
    history.add([*rows, row(7, owner="other")])
    history.set_deleted([rows[1], rows[3], rows[4], *history.page("other")], 60.0)
    assert seeds(history) == [6, 3, 1]
    assert seeds(history, thrown=True) == [5, 4, 2]
    assert seeds(history, thrown=True, text="picture 4") == [4]
    assert seeds(history, thrown=True, seed=3) == []
    assert [kept.seed for kept in history.page("local", Search(thrown=True), rows[4].id, 1)] == [4]
    assert seeds(history, "other", thrown=True) == [7]


def test_choices_are_an_owners_own(history: History) -> None:
    history.add([row(1, sampler="DDIM"), row(2), row(3), row(4, owner="user-eve", model="hers", width=64)])
    history.set_tags(2_000_000, "local", ["best"])
    choices = history.choices("local")
    assert choices.models == ["stepwise-embedded"]
    assert choices.samplers == ["DPM++ 2M", "DDIM"]
    assert choices.sizes == ["128×128"]
    assert choices.tags == ["best"]
    history.set_deleted([kept for kept in history.page("local") if kept.sampler == "DDIM"], 60.0)
    assert history.choices("local").samplers == ["DPM++ 2M"]
    assert history.choices("local", thrown=True).samplers == ["DDIM"]


def test_nobody_reaches_anothers_rows(history: History) -> None:
    hers = row(1, owner="user-ada")
    history.add([hers])
    history.set_favourite(hers.id, "user-eve", True)
    assert history.set_tags(hers.id, "user-eve", ["mine"]) == []
    assert history.find(hers.id, "user-eve") is None
    assert history.of([hers.id], "user-eve") == []
    assert history.page("user-eve") == []
    assert history.find(hers.id, "user-ada") == hers
    assert history.tags([hers.id]) == {}


def test_what_is_taken_is_counted(history: History) -> None:
    history.add([row(1), row(2), row(3, owner="user-ada")])
    history.add_input("ab" * 32, "user-ada", 500, used=1.0)
    history.add_input("ab" * 32, "user-ada", 500, used=2.0)
    assert (history.usage("local"), history.usage("user-ada"), history.usage()) == (2000, 1500, 3500)
    history.forget([row(1).id])
    history.add([row(2)])  # the same path: replaced, not counted twice
    history.forget_inputs(["ab" * 32])
    assert (history.usage("local"), history.usage("user-ada"), history.usage("nobody")) == (1000, 1000, 0)
    assert seeds(history, text="picture") == [2]


def test_pictures_that_something_started_from_are_not_idle(history: History) -> None:
    for name in ("aa" * 32, "bb" * 32):
        history.add_input(name, "local", 10, used=5.0)
    history.add([row(1, image="aa" * 32)])
    assert history.idle_inputs(before=5.0) == []
    assert history.idle_inputs(before=6.0) == ["bb" * 32]


def test_a_damaged_history_is_put_aside_and_begun_anew(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database" * 1000)
    history = History(tmp_path)
    history.add([row(1)])
    assert seeds(history) == [1]
    assert len(list(tmp_path.glob(f"{NAME}.damaged-*"))) == 1
    history.close()


def test_a_later_versions_history_is_left_alone(tmp_path: Path) -> None:
    History(tmp_path).close()
    with sqlite3.connect(tmp_path / NAME) as later:
        later.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    later.close()
    with pytest.raises(schema.NewerVersion):
        History(tmp_path)


def test_an_older_version_is_brought_up_to_date_or_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = History(tmp_path)
    first.add([row(1)])
    first.close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE extra (x);\nCREATE TABLE extra (x);"))
    with pytest.raises(sqlite3.OperationalError):
        History(tmp_path)
    monkeypatch.setattr(schema, "MIGRATIONS", (schema.PICTURES, "CREATE TABLE extra (x);"))
    second = History(tmp_path)
    assert seeds(second) == [1]
    second.close()


def test_what_is_written_is_durable(history: History) -> None:
    connection = history._connection
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_two_studios_may_share_a_folder(tmp_path: Path) -> None:
    one, two = History(tmp_path), History(tmp_path)
    one.add([row(1)])
    two.add([row(2)])
    assert seeds(one) == seeds(two) == [2, 1]
    one.close()
    two.close()
