"""What parties were charged."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Date, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from inventory.database.columns import BIG_ID, Utc
from inventory.database.tables import DEVICE, METADATA

statements: Final = Table(
    "statements",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("party", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("hubs", Integer, nullable=False),
    Column("pence", BIG_ID, nullable=False),
    Column("credits", Integer, nullable=False, server_default="0"),
    Column("credit_pence", BIG_ID, nullable=False, server_default="0"),
    Column("transport_pence", BIG_ID, nullable=False),
    Column("written", Utc, nullable=False),
    Column("written_by", Text, nullable=False),
    UniqueConstraint("party", "month"),
)
"""What a party is charged for a month: written once, and the same whenever it is asked for."""

charged: Final = Table(
    "charged",
    METADATA,
    Column("work_order", Text, primary_key=True),
    Column("device", DEVICE, primary_key=True),
    Column(
        "statement",
        BIG_ID,
        ForeignKey("statements.id"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    Column("message", BIG_ID, ForeignKey("messages.id"), nullable=False),
    Column("pence", Integer, nullable=False),
)
"""Each re-flashed hub, for its order: by which result, at which price. Once, and once more where it was given back meanwhile."""

credited: Final = Table(
    "credited",
    METADATA,
    Column("work_order", Text, primary_key=True),
    Column("device", DEVICE, primary_key=True),
    Column("charged_in", BIG_ID, ForeignKey("statements.id"), primary_key=True, autoincrement=False),
    Column("statement", BIG_ID, ForeignKey("statements.id"), nullable=False, index=True),
    Column("why", Text, nullable=False),
)
"""Each hub that is given back, of the statement in which it was charged: its outcome by now, or where it lies."""

charged_transport: Final = Table(
    "charged_transport",
    METADATA,
    Column("dispatch", BIG_ID, ForeignKey("dispatches.id"), primary_key=True, autoincrement=False),
    Column("statement", BIG_ID, ForeignKey("statements.id"), nullable=False, index=True),
    Column("pence", Integer, nullable=False),
)
"""The transport of each dispatch, once."""
