"""The history: a row for every finished picture, in SQLite beside the pictures."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from studio.gallery.kept import COLUMNS, Kept
from studio.gallery.schema import connect, transaction
from studio.gallery.search import Search, query, state

NAME = "history.sqlite"
LONGEST_TAG, MOST_TAGS = 40, 32
INSERT = f"INSERT INTO pictures ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"


@dataclass(frozen=True)
class Choices:
    """What an owner's pictures can be filtered by, the most used first."""

    models: list[str]
    samplers: list[str]
    sizes: list[str]
    tags: list[str]


class History:
    """Rows only: ``Collection`` keeps files and rows in step. Safe from any thread; what a method
    has written when it returns would survive a power cut. Every method can raise sqlite3.Error,
    and then nothing is changed."""

    def __init__(self, folder: Path) -> None:
        self._connection = connect(folder / NAME)
        self._lock = threading.RLock()
        self._reader = connect(folder / NAME)  # one of its own, so that a long search keeps no picture waiting
        self._reading = threading.Lock()

    def close(self) -> None:
        """Close the database."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()

    def add(self, pictures: Iterable[Kept]) -> None:
        """Add rows; one whose path is there already is replaced."""
        with self._lock, transaction(self._connection):
            for kept in pictures:
                values = asdict(kept)
                self._connection.execute("DELETE FROM pictures WHERE path = ?", (kept.path,))
                while self._connection.execute("SELECT 1 FROM pictures WHERE id = ?", (values["id"],)).fetchone():
                    values["id"] += 1
                self._connection.execute(INSERT, values)
                names = [(values["id"], name) for name in set(kept.made_from)]
                self._connection.executemany("INSERT INTO made_from (picture, name) VALUES (?, ?)", names)

    def page(self, owner: str, search: Search = Search(), before: int | None = None, count: int = 60) -> list[Kept]:
        """Pictures of an owner's, newest first, from those older than the one with the id ``before``."""
        return self._kept(*query(owner, search, before, count))

    def find(self, identity: int, owner: str) -> Kept | None:
        """A picture, if it is this owner's and was not thrown away."""
        found = self.of([identity], owner)
        return found[0] if found else None

    def any(self, identity: int) -> Kept | None:
        """A picture, whoever's, thrown away or not."""
        found = self._kept("SELECT * FROM pictures WHERE id = ?", [identity])
        return found[0] if found else None

    def of(self, identities: Sequence[int], owner: str, thrown: bool = False) -> list[Kept]:
        """Those of the pictures that are this owner's, newest first: what is there, or what was
        thrown away."""
        sql = f"SELECT * FROM pictures WHERE owner = ? AND {state(thrown)} AND id IN ({_marks(identities)})"
        return self._kept(f"{sql} ORDER BY id DESC", [owner, *identities])

    def thrown(self, before: float, owner: str | None = None) -> list[Kept]:
        """Pictures thrown away before that time, those first that were thrown away first."""
        mine, given = ("AND owner = ?", [owner]) if owner is not None else ("", [])
        return self._kept(f"SELECT * FROM pictures WHERE deleted < ? {mine} ORDER BY deleted", [before, *given])

    def set_favourite(self, identity: int, owner: str, favourite: bool) -> None:
        """Give a picture its star, or take it."""
        sql = "UPDATE pictures SET favourite = ? WHERE id = ? AND owner = ? AND deleted IS NULL"
        self._write(sql, [(favourite, identity, owner)])

    def set_deleted(self, pictures: Iterable[Kept], when: float | None) -> None:
        """Mark pictures as thrown away then, or as there again."""
        self._write("UPDATE pictures SET deleted = ? WHERE id = ?", [(when, kept.id) for kept in pictures])

    def set_tags(self, identity: int, owner: str, tags: Iterable[str]) -> list[str]:
        """Give a picture its tags in place of the ones it had; what came of them."""
        if self.find(identity, owner) is None:
            return []
        given = sorted({" ".join(tag.split())[:LONGEST_TAG].strip() for tag in tags} - {""})[:MOST_TAGS]
        with self._lock, transaction(self._connection):
            self._connection.execute("DELETE FROM tags WHERE picture = ?", (identity,))
            self._connection.executemany(
                "INSERT INTO tags (picture, tag) VALUES (?, ?)", [(identity, tag) for tag in given]
            )
        return given

    def tags(self, identities: Sequence[int]) -> dict[int, list[str]]:
        """The tags of pictures."""
        found: dict[int, list[str]] = {}
        sql = f"SELECT picture, tag FROM tags WHERE picture IN ({_marks(identities)}) ORDER BY tag"
        for row in self._rows(sql, identities):
            found.setdefault(row["picture"], []).append(row["tag"])
        return found

    def forget(self, identities: Iterable[int]) -> None:
        """Drop rows for good."""
        self._write("DELETE FROM pictures WHERE id = ?", [(identity,) for identity in identities])

    def paths(self) -> dict[str, tuple[int, bool]]:
        """Id of every row, and whether its picture is there and not thrown away, by its path."""
        rows = self._rows("SELECT path, id, deleted IS NULL AS there FROM pictures", [])
        return {row["path"]: (row["id"], bool(row["there"])) for row in rows}

    def choices(self, owner: str, thrown: bool = False) -> Choices:
        """What this owner's pictures, or those thrown away, can be filtered by."""

        def most(value: str, tables: str = "pictures") -> list[str]:
            there = f"FROM {tables} WHERE owner = ? AND {state(thrown)}"
            sql = f"SELECT {value} AS value {there} GROUP BY value ORDER BY count(*) DESC, value LIMIT 200"
            return [row["value"] for row in self._rows(sql, [owner])]

        tagged = "tags JOIN pictures ON pictures.id = tags.picture"
        return Choices(most("model"), most("sampler"), most("width || '×' || height"), most("tag", tagged))

    def made_by(self, run: str) -> int:
        """How many pictures of a run there are."""
        return int(self._rows("SELECT count(*) AS made FROM pictures WHERE run = ?", [run])[0]["made"])

    def at(self, paths: Sequence[str], owner: str) -> list[Kept]:
        """The pictures at those paths, thrown away or not, that are this owner's."""
        return self._kept(f"SELECT * FROM pictures WHERE owner = ? AND path IN ({_marks(paths)})", [owner, *paths])

    def usage(self, owner: str | None = None) -> int:
        """Bytes that pictures, thrown away ones and brought ones included, take: this owner's, or all."""
        mine, given = ("WHERE owner = ?", [owner]) if owner is not None else ("", [])
        return int(self._rows(f"SELECT coalesce(sum(bytes), 0) AS bytes FROM usage {mine}", given)[0]["bytes"])

    def add_input(self, name: str, owner: str, size: int, used: float) -> None:
        """Somebody brought, or used again, a picture to start from."""
        sql = "INSERT INTO inputs VALUES (?, ?, ?, ?) ON CONFLICT (name, owner) DO UPDATE SET used = excluded.used"
        self._write(sql, [(name, owner, size, used)])

    def is_theirs(self, name: str, owner: str) -> bool:
        """Whether this owner brought a picture to start from, or has one that was made from it."""
        made = "SELECT 1 FROM made_from JOIN pictures ON pictures.id = made_from.picture WHERE name = ? AND owner = ?"
        sql = f"SELECT 1 FROM inputs WHERE name = ? AND owner = ? UNION ALL {made} LIMIT 1"
        return bool(self._rows(sql, [name, owner] * 2))

    def idle_inputs(self, before: float) -> list[str]:
        """Names of brought pictures that nobody used since then and no picture was made from."""
        needed = "EXISTS (SELECT 1 FROM made_from WHERE made_from.name = inputs.name)"
        sql = f"SELECT name FROM inputs WHERE NOT {needed} GROUP BY name HAVING max(used) < ?"
        return [row["name"] for row in self._rows(sql, [before])]

    def inputs(self) -> set[str]:
        """Names of all pictures to start from."""
        return {row["name"] for row in self._rows("SELECT DISTINCT name FROM inputs", [])}

    def forget_inputs(self, names: Iterable[str]) -> None:
        """Drop pictures to start from for good."""
        self._write("DELETE FROM inputs WHERE name = ?", [(name,) for name in names])

    def _write(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self._lock, transaction(self._connection):
            self._connection.executemany(sql, rows)

    def _rows(self, sql: str, parameters: Sequence[object]) -> list[sqlite3.Row]:
        with self._reading:
            return self._reader.execute(sql, parameters).fetchall()

    def _kept(self, sql: str, parameters: Sequence[object]) -> list[Kept]:
        return [Kept(**{**dict(row), "favourite": bool(row["favourite"])}) for row in self._rows(sql, parameters)]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
