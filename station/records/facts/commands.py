"""Commands that may be sent again, and what each was answered."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from pydantic import JsonValue

from station.records.facts.base import Fact, Written


class CommandAnswered(Fact):
    """A command with a key was done, and answered so: in the same append as what it did.

    Sent again, by a client that lost the answer, it is answered from here and done no second time.
    """

    kind: Literal["command_answered"] = "command_answered"
    key: UUID
    command: str
    sha256: str
    """Of the command as canonical JSON: a key stands for one command only."""
    answer: dict[str, JsonValue]


KEPT_ANSWERS: Final = 4096
"""So many of the newest answers are kept for commands that are sent again."""


def apply(tables: sqlite3.Connection, written: Written, event: CommandAnswered) -> None:
    """Bring the tables up to this fact."""
    answer = json.dumps(event.answer, sort_keys=True)
    tables.execute(
        "INSERT INTO command_answers VALUES (?, ?, ?, ?, ?)",
        (written.sequence, str(event.key), event.command, event.sha256, answer),
    )
    tables.execute(
        "DELETE FROM command_answers WHERE sequence <="
        " (SELECT sequence FROM command_answers ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
        (KEPT_ANSWERS,),
    )


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a command with a key was answered."""

    command: str
    sha256: str
    answer: str
    """As JSON."""


def command_answer(tables: sqlite3.Connection, key: UUID) -> KeptAnswer | None:
    """Return what the command with this key was answered; of the newest `KEPT_ANSWERS` only."""
    found = tables.execute(
        "SELECT command, sha256, answer FROM command_answers WHERE key = ?", (str(key),)
    ).fetchone()
    return None if found is None else KeptAnswer(*found)
