"""Forecasts, amended orders, and goods received."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.add_column("requests", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("request_hubs", sa.Column("authorised", Utc(), nullable=True))
    op.add_column("request_hubs", sa.Column("cancelled", Utc(), nullable=True))
    op.execute(
        "UPDATE request_hubs SET authorised = (SELECT decided FROM requests WHERE requests.id = request_hubs.request) "
        "WHERE refused IS NULL "
        "AND EXISTS (SELECT 1 FROM requests WHERE requests.id = request_hubs.request AND work_order IS NOT NULL)"
    )
    op.create_table(
        "forecasts",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("hubs", sa.Integer(), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("recorded", Utc(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_forecasts"),
    )
    op.create_index("ix_forecasts_party_month", "forecasts", ["party", "month"])
    op.create_table(
        "order_revisions",
        sa.Column("request", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("order_sha256", sa.String(length=64), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("file_sha256", sa.String(length=64), nullable=True),
        sa.Column("extract", sa.Text(), nullable=True),
        sa.Column("extract_sha256", sa.String(length=64), nullable=True),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.Column("revised", Utc(), nullable=False),
        sa.Column("revised_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name="fk_order_revisions_request"),
        sa.PrimaryKeyConstraint("request", "revision", name="pk_order_revisions"),
    )
    op.create_table(
        "announced",
        sa.Column("request", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("hub", sa.String(length=23), nullable=False),
        sa.Column("pallet", sa.Text(), nullable=True),
        sa.Column("carton", sa.Text(), nullable=True),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("taken", Utc(), nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name="fk_announced_request"),
        sa.PrimaryKeyConstraint("request", "hub", name="pk_announced"),
    )
    op.create_index("ix_announced_request_carton", "announced", ["request", "carton"])
    op.create_index("ix_announced_request_pallet", "announced", ["request", "pallet"])
    op.create_table(
        "deliveries",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("request", BIG_ID, nullable=False),
        sa.Column("delivery_note", sa.Text(), nullable=False),
        sa.Column("extract", sa.Text(), nullable=True),
        sa.Column("extract_sha256", sa.String(length=64), nullable=True),
        sa.Column("received", Utc(), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name="fk_deliveries_request"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_request", "deliveries", ["request"])
    op.create_table(
        "delivered",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("delivery", BIG_ID, nullable=False),
        sa.Column("hub", sa.String(length=23), nullable=True),
        sa.Column("pallet", sa.Text(), nullable=True),
        sa.Column("carton", sa.Text(), nullable=True),
        sa.Column("rejected", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("returned", Utc(), nullable=True),
        sa.Column("returned_by", sa.Text(), nullable=True),
        sa.Column("return_note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name="fk_delivered_delivery"),
        sa.PrimaryKeyConstraint("id", name="pk_delivered"),
    )
    op.create_index("ix_delivered_delivery", "delivered", ["delivery"])
    op.create_index("ix_delivered_hub", "delivered", ["hub"])
