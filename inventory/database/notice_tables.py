"""What parties are told."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from inventory.database.columns import BIG_ID, Utc
from inventory.database.tables import METADATA

notices: Final = Table(
    "notices",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("request", BIG_ID, ForeignKey("requests.id"), nullable=False),
    Column("party", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("listing", Text),
    Column("made", Utc, nullable=False),
    Column("state", Text, nullable=False),
    Column("recipients", JSON),
    Column("message", LargeBinary),
    Column("tries", Integer, nullable=False),
    Column("tried", Utc),
    Column("answer", Text),
    Column("settled", Utc),
    Column("settled_by", Text),
    Column("reason", Text),
    CheckConstraint("state IN ('waiting', 'sent', 'refused', 'bounced', 'settled')", name="state"),
    Index(None, "state"),
    Index(None, "request"),
)
"""Each notice: what it is about, and once it was tried the message as it was sent, to whom, and the last answer."""
