"""What goes back to parties: to which address, when, and what became of it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text

from inventory.database.columns import BIG_ID, Utc
from inventory.database.tables import DEVICE, METADATA, VERSION

addresses: Final = Table(
    "addresses",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("request", BIG_ID, ForeignKey("requests.id"), nullable=False, index=True),
    Column("address", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded", Utc, nullable=False),
    Column("recorded_by", Text, nullable=False),
)
"""Where a request's hubs go back to; the last one counts for what has not left yet."""

dispatches: Final = Table(
    "dispatches",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("request", BIG_ID, ForeignKey("requests.id"), nullable=False, index=True),
    Column("address", Text, nullable=False),
    Column("carrier_note", Text, nullable=False),
    Column("transport_pence", Integer),
    Column("despite", Text),
    Column("dispatched", Utc, nullable=False, index=True),
    Column("dispatched_by", Text, nullable=False),
)
"""Goods that left, each time."""

dispatched: Final = Table(
    "dispatched",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("dispatch", BIG_ID, ForeignKey("dispatches.id"), nullable=False, index=True),
    Column("hub", DEVICE, nullable=False, index=True),
    Column("source", Text),
    Column("carton", Text),
    Column("pallet", Text),
    Column("firmware", VERSION),
    Column("fate", Text, nullable=False),
    CheckConstraint("fate IN ('on_the_way', 'delivered', 'refused', 'short', 'lost')", name="fate"),
    Index(None, "source", "carton"),
)
"""Each hub that left, and in what; `firmware` is what it had said that it runs."""

fates: Final = Table(
    "fates",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("dispatch", BIG_ID, ForeignKey("dispatches.id"), nullable=False, index=True),
    Column("fate", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("hubs", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded", Utc, nullable=False),
    Column("recorded_by", Text, nullable=False),
)
"""What was heard of goods that left, each time."""
