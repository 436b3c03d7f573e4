"""The tables of the history, and how those of an older version become today's."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from studio.errors import StudioError

log = logging.getLogger("stepwise")
BUSY_S = 20.0
"""How long to wait for another studio on the same folder."""
BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

PICTURES = """
CREATE TABLE pictures (
    id INTEGER PRIMARY KEY,             -- microseconds since 1970, later where two fall together: order of making
    run TEXT NOT NULL,
    owner TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,          -- below the folder of outputs, with forward slashes
    request TEXT NOT NULL,              -- GenerationRequest.to_json, of this picture alone
    prompt TEXT NOT NULL,
    negative_prompt TEXT NOT NULL,
    model TEXT NOT NULL,
    model_hash TEXT NOT NULL,
    sampler TEXT NOT NULL,
    schedule TEXT NOT NULL,
    steps INTEGER NOT NULL,
    cfg_scale REAL NOT NULL,
    seed INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    favourite INTEGER NOT NULL DEFAULT 0,
    deleted REAL                        -- seconds since 1970; NULL for what is there
);
CREATE INDEX pictures_there ON pictures (owner, id) WHERE deleted IS NULL;
CREATE INDEX pictures_favourite ON pictures (owner, id) WHERE deleted IS NULL AND favourite;
CREATE INDEX pictures_seed ON pictures (owner, seed, id) WHERE deleted IS NULL;
CREATE INDEX pictures_deleted ON pictures (deleted) WHERE deleted IS NOT NULL;
CREATE INDEX pictures_choices ON pictures (owner, model, sampler, width, height) WHERE deleted IS NULL;

CREATE TABLE tags (
    picture INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (tag, picture)
) WITHOUT ROWID;
CREATE INDEX tags_picture ON tags (picture);

CREATE TABLE made_from (                -- the brought pictures that a picture was made from
    picture INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (name, picture)
) WITHOUT ROWID;
CREATE INDEX made_from_picture ON made_from (picture);

CREATE TABLE inputs (                   -- who brought which picture to start from
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    used REAL NOT NULL,
    PRIMARY KEY (name, owner)
) WITHOUT ROWID;

CREATE VIRTUAL TABLE words USING fts5 (
    prompt, negative_prompt, content = 'pictures', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER words_in AFTER INSERT ON pictures BEGIN
    INSERT INTO words (rowid, prompt, negative_prompt) VALUES (new.id, new.prompt, new.negative_prompt);
END;
CREATE TRIGGER words_out AFTER DELETE ON pictures BEGIN
    INSERT INTO words (words, rowid, prompt, negative_prompt)
    VALUES ('delete', old.id, old.prompt, old.negative_prompt);
END;

CREATE TABLE usage (owner TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER usage_picture_in AFTER INSERT ON pictures BEGIN
    INSERT INTO usage VALUES (new.owner, new.bytes) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER usage_picture_out AFTER DELETE ON pictures BEGIN
    UPDATE usage SET bytes = bytes - old.bytes WHERE owner = old.owner;
END;
CREATE TRIGGER usage_input_in AFTER INSERT ON inputs BEGIN
    INSERT INTO usage VALUES (new.owner, new.bytes) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER usage_input_out AFTER DELETE ON inputs BEGIN
    UPDATE usage SET bytes = bytes - old.bytes WHERE owner = old.owner;
END;
"""
MIGRATIONS = (PICTURES,)
"""What brings a database of version n to n + 1. Written once, never changed: a new version is a new entry."""


class NewerVersion(StudioError):
    """The history was written by a later Stepwise."""

    code = "history"


def connect(path: Path) -> sqlite3.Connection:
    """The history in that file, brought to today's version. What is committed would survive a
    power cut. A damaged file is put aside, and a new one begun: the pictures themselves carry
    what is needed to fill it again.

    Raises:
        NewerVersion: if a later Stepwise wrote it.
        sqlite3.Error: if it cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in BROKEN:
            raise
        _put_aside(path)
        return _opened(path)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise NewerVersion("The history in this folder of outputs is a later Stepwise's: update this one.")
        for script in MIGRATIONS[version:]:
            for statement in statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def statements(script: str) -> Iterator[str]:
    """The statements of a script one by one, triggers whole: unlike ``executescript``, running
    them leaves the transaction that is open."""
    gathered = ""
    for line in script.splitlines(keepends=True):
        gathered += line
        if sqlite3.complete_statement(gathered):
            yield gathered
            gathered = ""


def _put_aside(path: Path) -> None:
    log.warning("the history %s is damaged: it is put aside, and a new one is made from the pictures", path)
    mark = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(path.with_name(f"{path.name}.damaged-{mark}{suffix}"))


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of what is written inside, durably, or nothing of it.

    Raises:
        sqlite3.Error: if it could not be written.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
