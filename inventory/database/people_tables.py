"""Who may use the pages, what proves who they are, and what they did there."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Integer, String, Table, Text

from inventory.database.columns import BIG_ID, Utc
from inventory.database.tables import METADATA

people: Final = Table(
    "people",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("plain_name", Text, nullable=False, unique=True),
    Column("may", Text, nullable=False),
    Column("pin", Text),
    Column("added", Utc, nullable=False),
    CheckConstraint("may IN ('look', 'act')", name="may"),
)
"""Who may look, or act. `pin` is argon2's encoded form."""

pins_tried: Final = Table(
    "pins_tried",
    METADATA,
    Column("person", BIG_ID, ForeignKey("people.id"), primary_key=True, autoincrement=False),
    Column("place", Text, primary_key=True),
    Column("wrong", Integer, nullable=False),
    Column("latest", Utc, nullable=False),
    Column("was_right", Boolean, nullable=False),
)
"""How often a person's PIN was wrong at a place, by its network; each that is tried counts as wrong until it was right. Whether
it was right from there before."""

people_acts: Final = Table(
    "people_acts",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("acted", Utc, nullable=False),
    Column("acted_by", Text, nullable=False),
)
"""Who let whom in, gave them a PIN or rights, or had them out, and when."""

sessions: Final = Table(
    "sessions",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("person", BIG_ID, ForeignKey("people.id"), nullable=False, index=True),
    Column("opened", Utc, nullable=False),
    Column("until", Utc, nullable=False),
)
"""Browsers at which somebody signed on: the SHA-256 of the secret that each keeps."""

page_acts: Final = Table(
    "page_acts",
    METADATA,
    Column("key", String(36), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("act", Text, nullable=False),
    Column("acted", Utc, nullable=False),
    Column("acted_by", Text, nullable=False),
    Column("answer", Text, nullable=False),
)
"""Each press of a button that did something, by the key that its page gave it: the same again is answered alike, and does nothing."""
