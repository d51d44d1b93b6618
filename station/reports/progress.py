"""How far the reports are: a cursor in the journal, and what has to be known of all before it."""

from __future__ import annotations

import sqlite3
from typing import Final

from pydantic import TypeAdapter, ValidationError

from station.reports.account import Account
from station.reports.errors import ReportsUnusable
from station.reports.source import Cursor

_CURSOR: Final = TypeAdapter(Cursor)


def read_cursor(file: sqlite3.Connection) -> Cursor:
    """Return the newest row that was taken in. Raises ReportsUnusable, sqlite3.Error."""
    return _cursor(file.execute("SELECT journal, sequence, hash FROM progress").fetchone())


def read_progress(file: sqlite3.Connection) -> tuple[Cursor, Account]:
    """Return that, and the account as it was then. Raises ReportsUnusable, sqlite3.Error."""
    row = file.execute("SELECT journal, sequence, hash, account FROM progress").fetchone()
    try:
        return _cursor(row and row[:3]), Account(row[3])
    except ValidationError as error:
        raise _unusable() from error


def write_progress(file: sqlite3.Connection, cursor: Cursor, account: Account) -> None:
    """Note how far it is, within the transaction that made it so."""
    file.execute("DELETE FROM progress")
    file.execute(
        "INSERT INTO progress VALUES (?, ?, ?, ?)",
        (str(cursor.journal), cursor.sequence, cursor.hash, account.as_json()),
    )


def _cursor(row: object) -> Cursor:
    try:
        return _CURSOR.validate_python(row)
    except ValidationError as error:
        raise _unusable() from error


def _unusable() -> ReportsUnusable:
    return ReportsUnusable("the reports do not say how far they are; delete them, they are made again")
