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
    Column("made_by", Text),
    Column("state", Text, nullable=False),
    Column("recipients", JSON),
    Column("message", LargeBinary),
    Column("tries", Integer, nullable=False),
    Column("tried", Utc),
    Column("answer", Text),
    CheckConstraint("state IN ('waiting', 'sent', 'refused', 'bounced', 'settled')", name="state"),
    Index(None, "state"),
    Index(None, "request"),
)
"""Each notice: what it is about, in whose act it was made (none: before that was kept), and once it was tried the message as it was
sent, to whom, and the last answer."""

notice_acts: Final = Table(
    "notice_acts",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("notice", BIG_ID, ForeignKey("notices.id"), nullable=False, index=True),
    Column("what", Text, nullable=False),
    Column("acted", Utc, nullable=False),
    Column("acted_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    CheckConstraint("what IN ('again', 'bounced', 'settled')", name="what"),
)
"""What people did about a notice: each act, beside the ones before."""
