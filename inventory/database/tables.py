"""The tables as they are now. How they came to be so is in `migrations`; a test holds the two against each other."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from inventory.database.columns import BIG_ID, Utc

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

DEVICE: Final = String(23)
"""An EUI-64 in its canonical text."""
VERSION: Final = String(8)
"""A firmware version in its canonical text."""


def ending_of(column: str) -> Column[str]:
    """Return the column of an id's last four digits, by which people find a hub."""
    return Column(
        f"{column}_ending", String(5), Computed(f"substr({column}, 19)", persisted=True), index=True
    )


messages: Final = Table(
    "messages",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("journal", Text, nullable=False),
    Column("number", BIG_ID, nullable=False),
    Column("chain_head", String(64), nullable=False),
    Column("told", Utc, nullable=False),
    Column("received", Utc, nullable=False),
    Column("via", Text, nullable=False),
    Column("data", JSON, nullable=False),
    UniqueConstraint("source", "event_id"),
    UniqueConstraint("source", "kind", "journal", "number"),
)
"""Each message of a station, once, as it told it: the evidence of all the rest. `number` is its `station_sequence`."""

counts: Final = Table(
    "counts",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("journal", Text, primary_key=True),
    Column("lowest", BIG_ID, nullable=False),
    Column("highest", BIG_ID, nullable=False),
)
"""From where to where the numbers of a station's journal have come."""

gaps: Final = Table(
    "gaps",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("journal", Text, primary_key=True),
    Column("first", BIG_ID, primary_key=True, autoincrement=False),
    Column("last", BIG_ID, nullable=False),
    Column("since", Utc, nullable=False),
    CheckConstraint("first <= last", name="in_order"),
)
"""Which numbers between these have not come."""

results: Final = Table(
    "results",
    METADATA,
    Column("message", BIG_ID, ForeignKey("messages.id"), primary_key=True, autoincrement=False),
    Column("work_order", Text),
    Column("device", DEVICE),
    Column("gpf", DEVICE),
    Column("scanned", DEVICE),
    Column("scanned_role", String(3)),
    Column("attempt", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("disposition", Text),
    Column("firmware_read_back", VERSION),
    Column("finished", Utc, nullable=False),
    Index(None, "work_order", "device"),
    Index(None, "device"),
)
"""Each attempt's result, in columns."""

asset_records: Final = Table(
    "asset_records",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("message", BIG_ID, ForeignKey("messages.id"), nullable=False),
    Column("device", DEVICE, nullable=False),
    Column("role", String(6), nullable=False),
    Column("firmware", VERSION, nullable=False),
    Column("finished", Utc, nullable=False),
    UniqueConstraint("device", "message"),
)
"""The history of each device: what it said that it runs, by which message. A hub has two devices."""

hubs: Final = Table(
    "hubs",
    METADATA,
    Column("device", DEVICE, primary_key=True),
    Column("gpf", DEVICE, unique=True),
    Column("manufacturer", String(30)),
    Column("model", String(30)),
    Column("hardware_version", Text),
    Column("region", Text),
    Column("han_variant", Text),
    Column("owner", Text),
    Column("chts_version", String(20)),
    Column("firmware", VERSION),
    Column("firmware_message", BIG_ID, ForeignKey("messages.id")),
    ending_of("device"),
    ending_of("gpf"),
)
"""Each hub as it is known now; `firmware` is what it said last. Keyed by the CHF's id, or a bridge's one id."""

standings: Final = Table(
    "standings",
    METADATA,
    Column("work_order", Text, primary_key=True),
    Column("device", DEVICE, primary_key=True),
    Column("message", BIG_ID, ForeignKey("messages.id"), nullable=False),
    Column("outcome", Text, nullable=False),
)
"""Which of a hub's results counts for a work order."""

order_facts: Final = Table(
    "order_facts",
    METADATA,
    Column("message", BIG_ID, ForeignKey("messages.id"), primary_key=True, autoincrement=False),
    Column("work_order", Text, nullable=False, index=True),
    Column("what", Text, nullable=False),
    Column("reason", Text),
    Column("file_sha256", String(64)),
)
"""What became of work orders at the bench."""

requests: Final = Table(
    "requests",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("party", Text, nullable=False),
    Column("family", Text, nullable=False, server_default="hub"),
    Column("file", Text, nullable=False),
    Column("file_sha256", String(64), nullable=False),
    Column("extract", Text, nullable=False),
    Column("extract_sha256", String(64), nullable=False),
    Column("received", Utc, nullable=False),
    Column("received_by", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("work_order", Text, unique=True),
    Column("purchase_order", Text),
    Column("order_sha256", String(64)),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("decided", Utc),
    Column("decided_by", Text),
    Column("reason", Text),
    Column("done", Utc),
    Column("done_by", Text),
    Column("done_despite", Text),
    Column("closed", Utc),
    Column("closed_by", Text),
    Column("closed_reason", Text),
    CheckConstraint("state IN ('judged', 'authorised', 'refused', 'closed')", name="state"),
)
"""A party's requests. `judged` and `authorised` ones are open: their hubs can be in no other.

Who authorised or refused one stands in `decided_by`, who closed it in `closed_by`; `done_despite` says why its party was told that it is
done although messages had not come. One is of hubs or of bridges (`family`); bridges are in no extract, whose name is empty then.
"""

request_hubs: Final = Table(
    "request_hubs",
    METADATA,
    Column("request", BIG_ID, ForeignKey("requests.id"), primary_key=True, autoincrement=False),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("ids", Text, nullable=False),
    Column("chf", DEVICE),
    Column("gpf", DEVICE),
    Column("manufacturer", String(30)),
    Column("model", String(30)),
    Column("firmware", VERSION),
    Column("status", Text),
    Column("owner", Text),
    Column("region", Text),
    Column("han_variant", Text),
    Column("chts_version", Text),
    Column("bridge_type", String(2)),
    Column("premises", Text),
    Column("set_members", Integer),
    Column("installation_end", Date),
    Column("taken", Utc),
    Column("refused", Text),
    Column("detail", Text),
    Column("authorised", Utc),
    Column("cancelled", Utc),
    ending_of("chf"),
    ending_of("gpf"),
    Index(None, "chf"),
    Index(None, "gpf"),
    # Those that stand, to be counted.
    Index(
        None,
        "request",
        sqlite_where=text("refused IS NULL AND cancelled IS NULL"),
        postgresql_where=text("refused IS NULL AND cancelled IS NULL"),
    ),
)
"""Each line of a request, with what the extract held of its hub; accepted unless `refused` says why not.

It stands on the work order if it was `authorised` and not `cancelled` since. What the extract held counts from when that was `taken`. A
bridge's one id stands where a hub's CHF stands; it has no `gpf`, and what is kept of it is what its party says.
"""
LINE_COLUMNS: Final = tuple(each for each in request_hubs.c if each.computed is None)
"""All that is kept of a line."""

ssmi_files: Final = Table(
    "ssmi_files",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("work_order", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("written", Utc, nullable=False),
    Column("written_by", Text, nullable=False),
    Column("despite", Text),
)
"""Which files for the SSMI were written, in whose name, and why in spite of results that had not come. Two may have the same table:
a later one asks anew what was answered of the earlier one."""

findings: Final = Table(
    "findings",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("what", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("topic", Text),
    Column("payload", LargeBinary),
    Column("found", Utc, nullable=False),
    Column("settled", Utc),
    Column("settled_by", Text),
    Column("reason", Text),
)
"""What a person has to look into: messages that cannot be taken, and messages that contradict each other."""
