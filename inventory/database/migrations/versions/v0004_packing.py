"""Facts of packing, and the content of which an order's fact tells."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _told_by(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("number", BIG_ID, nullable=False),
        sa.Column("told", Utc(), nullable=False),
        sa.Column("message", BIG_ID, nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=f"fk_{table}_message"),
    )


def upgrade() -> None:
    """Take the step."""
    op.add_column("order_facts", sa.Column("file_sha256", sa.String(length=64), nullable=True))
    op.create_table(
        "hub_places",
        sa.Column("hub", sa.String(length=23), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        *_told_by("hub_places"),
        sa.Column("gpf", sa.String(length=23), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("carton", sa.Text(), nullable=True),
        sa.Column("work_order", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("hub", "source", "journal", name="pk_hub_places"),
    )
    op.create_index("ix_hub_places_source_carton", "hub_places", ["source", "carton"])
    op.create_index("ix_hub_places_work_order", "hub_places", ["work_order"])
    op.create_table(
        "cartons",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("carton", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        *_told_by("cartons"),
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("hubs", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("manufacturer", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("han_variant", sa.Text(), nullable=True),
        sa.Column("firmware", sa.String(length=8), nullable=True),
        sa.Column("pallet", sa.Text(), nullable=True),
        sa.Column("sscc", sa.String(length=18), nullable=True),
        sa.PrimaryKeyConstraint("source", "carton", "journal", name="pk_cartons"),
    )
    op.create_index("ix_cartons_work_order", "cartons", ["work_order"])
    op.create_index("ix_cartons_source_pallet", "cartons", ["source", "pallet"])
    op.create_table(
        "pallets",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("pallet", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        *_told_by("pallets"),
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cartons", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("sscc", sa.String(length=18), nullable=True),
        sa.PrimaryKeyConstraint("source", "pallet", "journal", name="pk_pallets"),
    )
    op.create_index("ix_pallets_work_order", "pallets", ["work_order"])
    op.create_table(
        "carton_recalls",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("carton", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        *_told_by("carton_recalls"),
        sa.Column("recalled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "carton", "journal", name="pk_carton_recalls"),
    )
