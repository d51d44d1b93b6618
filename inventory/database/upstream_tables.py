"""The tables of what goes upstream: what is to be told, what was sent, and what was answered."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from inventory.database.columns import BIG_ID, Utc
from inventory.database.tables import DEVICE, METADATA, VERSION

upstream_releases: Final = Table(
    "upstream_releases",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("work_order", Text, nullable=False, index=True),
    Column("released", Utc, nullable=False),
    Column("released_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Who let a part of an order go up, though the bench has not closed it or its results have not all come, and why."""

upstream_released_hubs: Final = Table(
    "upstream_released_hubs",
    METADATA,
    Column("release", BIG_ID, ForeignKey("upstream_releases.id"), primary_key=True, autoincrement=False),
    Column("device", DEVICE, primary_key=True),
)
"""Which hubs that part has."""

upstream_orders: Final = Table(
    "upstream_orders",
    METADATA,
    Column("work_order", Text, primary_key=True),
    Column("due", Boolean, nullable=False),
    Column("waits_for", Text),
)
"""Which orders have to be looked at, since something was told of them, and what one of them waits for."""

upstream_mark: Final = Table(
    "upstream_mark",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("message", BIG_ID, nullable=False),
    CheckConstraint("id = 1", name="one"),
)
"""Up to which message the orders of all have been put down in `upstream_orders`."""

pre_notifications: Final = Table(
    "pre_notifications",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("notification_id", String(36), nullable=False, unique=True),
    Column("csp", Text, nullable=False),
    Column("work_order", Text, nullable=False),
    Column("device", DEVICE, nullable=False),
    Column("firmware", VERSION, nullable=False),
    Column("message", BIG_ID, ForeignKey("messages.id"), nullable=False),
    Column("document", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("doubtful", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due", Utc, nullable=False),
    Column("held_until", Utc),
    Column("made", Utc, nullable=False),
    Column("made_by", Text),
    Column("made_why", Text),
    Column("corrects", BIG_ID, ForeignKey("pre_notifications.id")),
    Column("decided", Utc),
    Column("code", Text),
    Column("answer", Text),
    Column("settled_by", Text),
    Column("settled_why", Text),
    Index(None, "state", "due"),
    Index(None, "csp", "state", "doubtful"),
    Index(None, "device"),
    Index(None, "work_order"),
    CheckConstraint("state IN ('waiting', 'accepted', 'refused', 'replaced', 'settled')", name="state"),
)
"""Pre-notifications (CSPM-N3), each a job as well. `doubtful` while it may have been taken and nobody has said so; `message` is
the result in which the hub said its version; who holds it until `held_until` is sending it. A `refused` one is a dead letter."""

corrections: Final = Table(
    "corrections",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("device", DEVICE, nullable=False, index=True),
    Column("parameter", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("corrected", Utc, nullable=False),
    Column("corrected_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
"""What a person corrected of a hub's record; of one parameter the last counts."""

pre_notification_tries: Final = Table(
    "pre_notification_tries",
    METADATA,
    Column("notification", BIG_ID, ForeignKey("pre_notifications.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("worker", Text, nullable=False),
    Column("begun", Utc, nullable=False),
    Column("ended", Utc),
    Column("outcome", Text),
    Column("detail", Text),
)
"""Each sending of each pre-notification, put down before it is begun. One without an end was broken off."""

ssmi_rows: Final = Table(
    "ssmi_rows",
    METADATA,
    Column("file", BIG_ID, ForeignKey("ssmi_files.id"), primary_key=True, autoincrement=False),
    Column("device", DEVICE, primary_key=True),
    Column("firmware", VERSION, nullable=False),
    Column("message", BIG_ID, ForeignKey("messages.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("answered", Utc),
    Column("answer", Text),
    Column("settled_by", Text),
    Column("settled_why", Text),
    Index(None, "device"),
    Index(None, "state"),
    CheckConstraint("state IN ('written', 'accepted', 'refused', 'again', 'settled')", name="state"),
)
"""The rows of files for the SSMI, and what it answered of each. One that was `refused` is a dead letter; `again`: in the next file."""

ssmi_uploads: Final = Table(
    "ssmi_uploads",
    METADATA,
    Column("id", BIG_ID, primary_key=True),
    Column("file", BIG_ID, ForeignKey("ssmi_files.id"), nullable=False),
    Column("uploaded_by", Text, nullable=False),
    Column("begun", Utc, nullable=False),
    Column("ended", Utc),
    Column("outcome", Text),
    Column("detail", Text),
)
"""Each upload of a file, put down before it is begun."""
