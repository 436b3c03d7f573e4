"""Faults of the disk, for tests."""

from __future__ import annotations

import sqlite3
from typing import Any


class Refusing:
    """A connection on which one statement fails, as when the write-ahead log has no room."""

    def __init__(self, connection: sqlite3.Connection, statement: str) -> None:
        self._connection, self._statement = connection, statement

    def execute(self, sql: str, *parameters: Any) -> Any:
        if sql == self._statement:
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
