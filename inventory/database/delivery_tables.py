"""What parties forecast, what of an order was amended, and what they sent: announced, received, rejected, sent back."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, String, Table, Text

from inventory.database.columns import BIG_ID, Utc
from inventory.database.tables import DEVICE, METADATA

forecasts: Final = Table(
    "forecasts",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("party", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("hubs", Integer, nullable=False),
    Column("file_sha256", String(64), nullable=False),
    Column("recorded", Utc, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Index(None, "party", "month"),
)
"""How many hubs a party says that it will ask for in a month; of one month the last counts."""

order_revisions: Final = Table(
    "order_revisions",
    METADATA,
    Column("request", BIG_ID, ForeignKey("requests.id"), primary_key=True, autoincrement=False),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("order_sha256", String(64), nullable=False),
    Column("file", Text),
    Column("file_sha256", String(64)),
    Column("extract", Text),
    Column("extract_sha256", String(64)),
    Column("added", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("revised", Utc, nullable=False),
    Column("revised_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Each amendment of an authorised order, from the second file on."""

announced: Final = Table(
    "announced",
    METADATA,
    Column("request", BIG_ID, ForeignKey("requests.id"), primary_key=True, autoincrement=False),
    Column("hub", DEVICE, primary_key=True),
    Column("pallet", Text),
    Column("carton", Text),
    Column("file_sha256", String(64), nullable=False),
    Column("taken", Utc, nullable=False),
    Column("taken_by", Text, nullable=False),
    Index(None, "request", "carton"),
    Index(None, "request", "pallet"),
)
"""What a party says it sends, and in what: by CHF id where the order has the hub, else by the id that the list has."""

deliveries: Final = Table(
    "deliveries",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("request", BIG_ID, ForeignKey("requests.id"), nullable=False, index=True),
    Column("delivery_note", Text, nullable=False),
    Column("extract", Text),
    Column("extract_sha256", String(64)),
    Column("received", Utc, nullable=False),
    Column("received_by", Text, nullable=False),
)
"""Goods that came, each time."""

delivered: Final = Table(
    "delivered",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("delivery", BIG_ID, ForeignKey("deliveries.id"), nullable=False, index=True),
    Column("hub", DEVICE, index=True),
    Column("pallet", Text),
    Column("carton", Text),
    Column("rejected", Text),
    Column("detail", Text),
    Column("returned", Utc),
    Column("returned_by", Text),
    Column("return_note", Text),
)
"""Each hub of a delivery, or a carton or pallet of which nobody knows what is in it. Accepted unless `rejected` says why not."""

delivery_rejections: Final = Table(
    "delivery_rejections",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("delivery", BIG_ID, ForeignKey("deliveries.id"), nullable=False, index=True),
    Column("unit", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("hubs", Integer, nullable=False),
    Column("finding", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("rejected", Utc, nullable=False),
    Column("rejected_by", Text, nullable=False),
)
"""What had been accepted and was rejected after all, each time."""
