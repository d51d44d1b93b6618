"""Notes which rows of the derived tables change while a segment is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from station.records.tables import DERIVED_TABLES

_WHEN: Final = {"INSERT": ("new",), "UPDATE": ("old", "new"), "DELETE": ("old",)}

Key = tuple[str | int, ...]


class ChangedRows:
    """The rows that were changed through a connection since their table is watched, by table and key, each once.

    SQLite itself notes them, by triggers that no file holds. What is noted of a transaction that comes to nothing stays
    noted: such rows may be what they were.
    """

    def __init__(self, segment: sqlite3.Connection) -> None:
        self._segment = segment
        self._rows: dict[tuple[str, Key], None] = {}
        self.keys: dict[str, tuple[str, ...]] = {}
        """The columns of the key of each table that is watched."""

    def watch(self) -> Iterator[None]:
        """Begin to note, a trigger at each step. Raises sqlite3.Error."""
        self._segment.create_function("note_changed_row", -1, self._note)
        self._segment.execute("PRAGMA recursive_triggers = ON")  # else a row that is replaced goes unseen
        for table in DERIVED_TABLES:
            columns = self.keys[table] = _key_of(self._segment, table)
            for what, rows in _WHEN.items():
                noted = (f"note_changed_row('{table}', {_of(row, columns)})" for row in rows)
                self._segment.execute(
                    f"CREATE TEMP TRIGGER IF NOT EXISTS {_trigger(table, what)} AFTER {what} ON main.{table}"
                    f" BEGIN SELECT {', '.join(noted)}; END"
                )
                yield

    def __len__(self) -> int:
        return len(self._rows)

    def pop(self) -> tuple[str, Key]:
        """Forget one of the rows, and return its table and key. Raises KeyError if there is none."""
        return self._rows.popitem()[0]

    def stop(self) -> None:
        """Note nothing any more."""
        with suppress(sqlite3.Error):
            if self._segment.in_transaction:
                self._segment.execute("ROLLBACK")
            self._segment.execute("BEGIN")
            for table in self.keys:
                for what in _WHEN:
                    self._segment.execute(f"DROP TRIGGER IF EXISTS temp.{_trigger(table, what)}")
            self._segment.execute("COMMIT")
        self._rows.clear()

    def _note(self, table: str, *key: str | int) -> None:
        self._rows[table, key] = None


def _of(row: str, columns: tuple[str, ...]) -> str:
    return ", ".join(f"{row}.{column}" for column in columns)


def _trigger(table: str, what: str) -> str:
    return f"{table}_after_{what.lower()}"


def _key_of(segment: sqlite3.Connection, table: str) -> tuple[str, ...]:
    rows = segment.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,))
    return tuple(name for (name,) in rows)
