"""The check list at the start of a shift, signed."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Literal

from station.domain.actor import Actor
from station.records.facts.base import Fact, Written
from station.records.moments import utc_from_microseconds


class CheckListSigned(Fact):
    """Somebody has looked at each of these, and signs for it."""

    kind: Literal["check_list_signed"] = "check_list_signed"
    items: tuple[str, ...]
    """As the configuration called them then."""
    actor: Actor


def apply(tables: sqlite3.Connection, written: Written, event: CheckListSigned) -> None:
    """Keep the newest."""
    tables.execute("DELETE FROM check_lists")
    tables.execute(
        "INSERT INTO check_lists VALUES (?, ?, ?)", (written.sequence, written.utc, event.model_dump_json())
    )


def newest_check_list(tables: sqlite3.Connection) -> tuple[datetime, CheckListSigned] | None:
    """Return the one that was signed last, and when."""
    found = tables.execute("SELECT utc, body FROM check_lists").fetchone()
    if found is None:
        return None
    return utc_from_microseconds(found[0]), CheckListSigned.model_validate_json(found[1])
