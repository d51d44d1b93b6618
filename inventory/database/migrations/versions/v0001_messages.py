"""Messages of stations, what follows from them, and what a person has to look into."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "counts",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("lowest", BIG_ID, nullable=False),
        sa.Column("highest", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", "journal", name="pk_counts"),
    )
    op.create_table(
        "findings",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("found", Utc(), nullable=False),
        sa.Column("settled", Utc(), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
        sa.UniqueConstraint("digest", name="uq_findings_digest"),
    )
    op.create_table(
        "gaps",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("first", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("last", BIG_ID, nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.CheckConstraint("first <= last", name="ck_gaps_in_order"),
        sa.PrimaryKeyConstraint("source", "kind", "journal", "first", name="pk_gaps"),
    )
    op.create_table(
        "messages",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("number", BIG_ID, nullable=False),
        sa.Column("chain_head", sa.String(length=64), nullable=False),
        sa.Column("told", Utc(), nullable=False),
        sa.Column("received", Utc(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("source", "event_id", name="uq_messages_source_event_id"),
        sa.UniqueConstraint(
            "source", "kind", "journal", "number", name="uq_messages_source_kind_journal_number"
        ),
    )
    op.create_table(
        "asset_records",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("message", BIG_ID, nullable=False),
        sa.Column("device", sa.String(length=23), nullable=False),
        sa.Column("role", sa.String(length=6), nullable=False),
        sa.Column("firmware", sa.String(length=8), nullable=False),
        sa.Column("finished", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name="fk_asset_records_message"),
        sa.PrimaryKeyConstraint("id", name="pk_asset_records"),
        sa.UniqueConstraint("device", "message", name="uq_asset_records_device_message"),
    )
    op.create_table(
        "hubs",
        sa.Column("device", sa.String(length=23), nullable=False),
        sa.Column("gpf", sa.String(length=23), nullable=True),
        sa.Column("manufacturer", sa.String(length=30), nullable=True),
        sa.Column("model", sa.String(length=30), nullable=True),
        sa.Column("hardware_version", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("han_variant", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("chts_version", sa.String(length=20), nullable=True),
        sa.Column("firmware", sa.String(length=8), nullable=True),
        sa.Column("firmware_message", BIG_ID, nullable=True),
        sa.ForeignKeyConstraint(["firmware_message"], ["messages.id"], name="fk_hubs_firmware_message"),
        sa.PrimaryKeyConstraint("device", name="pk_hubs"),
        sa.UniqueConstraint("gpf", name="uq_hubs_gpf"),
    )
    op.create_table(
        "order_facts",
        sa.Column("message", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name="fk_order_facts_message"),
        sa.PrimaryKeyConstraint("message", name="pk_order_facts"),
    )
    op.create_index("ix_order_facts_work_order", "order_facts", ["work_order"], unique=False)

    op.create_table(
        "results",
        sa.Column("message", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("work_order", sa.Text(), nullable=True),
        sa.Column("device", sa.String(length=23), nullable=True),
        sa.Column("gpf", sa.String(length=23), nullable=True),
        sa.Column("scanned", sa.String(length=23), nullable=True),
        sa.Column("scanned_role", sa.String(length=3), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("firmware_read_back", sa.String(length=8), nullable=True),
        sa.Column("finished", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name="fk_results_message"),
        sa.PrimaryKeyConstraint("message", name="pk_results"),
    )
    op.create_index("ix_results_device", "results", ["device"], unique=False)
    op.create_index("ix_results_work_order_device", "results", ["work_order", "device"], unique=False)

    op.create_table(
        "standings",
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("device", sa.String(length=23), nullable=False),
        sa.Column("message", BIG_ID, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name="fk_standings_message"),
        sa.PrimaryKeyConstraint("work_order", "device", name="pk_standings"),
    )
