"""The benches' books of packed hubs, as they told them: where each hub is, what is in which carton, on which pallet.

A station's journal that was restored tells anew, so each row is of one journal; the row that is `current` is what holds. Which one
that is, and what takes over what, stands in `inventory/intake/packing.py`.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from inventory.database.columns import BIG_ID, Utc
from inventory.database.tables import DEVICE, METADATA, VERSION


def _told_by() -> tuple[Column[Any], ...]:
    """Return the columns of who told a row, and when."""
    return (
        Column("number", BIG_ID, nullable=False),
        Column("told", Utc, nullable=False),
        Column("message", BIG_ID, ForeignKey("messages.id"), nullable=False),
        Column("current", Boolean, nullable=False),
    )


hub_places: Final = Table(
    "hub_places",
    METADATA,
    Column("hub", DEVICE, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("journal", Text, primary_key=True),
    *_told_by(),
    Column("gpf", DEVICE),
    Column("place", Text),
    Column("carton", Text),
    Column("work_order", Text),
    Index(None, "source", "carton"),
    Index(None, "work_order"),
)
"""Where each hub is, by its CHF id (what its label says where nobody knew that). No place: in none of the bench's places."""

cartons: Final = Table(
    "cartons",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("carton", Text, primary_key=True),
    Column("journal", Text, primary_key=True),
    *_told_by(),
    Column("work_order", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("hubs", Integer, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("owner", Text),
    Column("manufacturer", Text),
    Column("model", Text),
    Column("han_variant", Text),
    Column("firmware", VERSION),
    Column("pallet", Text),
    Column("sscc", String(18)),
    Index(None, "work_order"),
    Index(None, "source", "pallet"),
)
"""Each carton of a station, as the bench has it."""

pallets: Final = Table(
    "pallets",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("pallet", Text, primary_key=True),
    Column("journal", Text, primary_key=True),
    *_told_by(),
    Column("work_order", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("cartons", Integer, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("sscc", String(18)),
    Index(None, "work_order"),
)
"""The same of pallets."""

carton_recalls: Final = Table(
    "carton_recalls",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("carton", Text, primary_key=True),
    Column("journal", Text, primary_key=True),
    *_told_by(),
    Column("recalled", Boolean, nullable=False),
)
"""Whether a carton holds hubs whose release was withdrawn after it was packed."""
