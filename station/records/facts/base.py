"""What all kinds of facts have in common.

A fact says what happened or, for the `*Started` kinds, what is about to be done (intent before act). Times are not in
the payloads: the journal stamps each row when it writes it. Append-only vocabulary: a field is never renamed.
"""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from station.records.errors import EventRefused

FROM_LATER: Any = Field(default=None, exclude_if=lambda value: value is None)
"""A field that joined an event later: where it says nothing the row stays as it always was, byte for byte."""


class Fact(BaseModel):
    """One frozen model each."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Written(NamedTuple):
    """Where and when a fact stands in the journal."""

    sequence: int
    utc: int
    """Microseconds since 1970."""


def require(done: sqlite3.Cursor, refusal: str) -> None:
    """Refuse the event if the statement found nothing to change."""
    if done.rowcount == 0:
        raise EventRefused(refusal)
