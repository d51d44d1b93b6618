"""Writes rows in one statement, whatever of them is there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or change those whose primary key is there. All have the same columns, each key is there once."""
    if not rows:
        return
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    keys = table.primary_key.columns
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    # What returns something goes as one statement; else each row would be one.
    statement = statement.on_conflict_do_update(index_elements=list(keys), set_=changed)
    connection.execute(statement.returning(next(iter(keys))), rows)
