"""What is looked for in the history, as SQL (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MOST_WORDS = 16
LONGEST_WORD = 64
LARGEST = 2**63 - 1
"""The largest whole number that SQLite knows."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is looked for; what is left at its default is not asked for."""

    text: str = ""
    """Words, or beginnings of words, that all stand in the prompt or the negative prompt."""
    model: str = ""
    sampler: str = ""
    tag: str = ""
    seed: int | None = None
    size: tuple[int, int] | None = None
    since: float | None = None
    """Seconds since 1970, that moment included."""
    until: float | None = None
    """Seconds since 1970, that moment not included."""
    favourites: bool = False
    thrown: bool = False
    """What was thrown away and can be brought back, and nothing else."""


def state(thrown: bool) -> str:
    """The condition for pictures that were thrown away, or for those that are there."""
    return "pictures.deleted IS NOT NULL" if thrown else "pictures.deleted IS NULL"


def match(text: str) -> str:
    """A full-text query for all the words of a text, each as the beginning of a word. Whatever the
    text is, the query is valid: every word is a quoted string, which has no syntax of its own.
    See https://www.sqlite.org/fts5.html#fts5_strings."""
    words = [word for word in text.replace("\0", " ").split() if any(map(str.isalnum, word))]
    quoted = (word[:LONGEST_WORD].replace('"', '""') for word in words[:MOST_WORDS])
    return " ".join(f'"{word}" *' for word in quoted).encode(errors="ignore").decode()


def query(owner: str, search: Search, before: int | None, count: int) -> tuple[str, list[Any]]:
    """The statement for an owner's pictures, newest first, and its parameters. ``before`` is the
    id of the last one of the page before: however far back the page, it costs the same."""
    words = match(search.text)
    identity = "words.rowid" if words else "pictures.id"
    conditions = {
        "pictures.owner = ?": owner,
        "words MATCH ?": words or None,
        f"{identity} < ?": before,
        "+pictures.model = ?": search.model or None,
        "+pictures.sampler = ?": search.sampler or None,
        "pictures.seed = ?": search.seed,
        "+pictures.width = ?": search.size and search.size[0],
        "+pictures.height = ?": search.size and search.size[1],
        f"{identity} >= ?": _microseconds(search.since),
        f"{identity} < ? ": _microseconds(search.until),
        "pictures.id IN (SELECT picture FROM tags WHERE tag = ?)": search.tag or None,
    }
    asked = {sql: _known(value) for sql, value in conditions.items() if value is not None}
    wheres = [state(search.thrown), *(["pictures.favourite"] if search.favourites else []), *asked]
    # A plus keeps SQLite from an index that is not in the order of ids.
    # CROSS JOIN: SQLite takes the tables in this order, so that what the index of words gives is in order already.
    # INDEXED BY: what was thrown away is little, and sorted faster than all there is would be looked through.
    alone = "pictures INDEXED BY pictures_deleted" if search.thrown else "pictures"
    tables = "words CROSS JOIN pictures ON pictures.id = words.rowid" if words else alone
    sql = f"SELECT pictures.* FROM {tables} WHERE {' AND '.join(wheres)} ORDER BY {identity} DESC LIMIT ?"
    return sql, [*asked.values(), count]


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(min(max(seconds, 0.0), LARGEST / 1e6 - 1) * 1_000_000)


def _known(value: Any) -> Any:
    return min(max(value, -LARGEST), LARGEST) if isinstance(value, int) else value
