"""Goods that were accepted may be rejected after all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "delivery_rejections",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("delivery", BIG_ID, nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("hubs", sa.Integer(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rejected", Utc(), nullable=False),
        sa.Column("rejected_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name="fk_delivery_rejections_delivery"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_rejections"),
    )
    op.create_index("ix_delivery_rejections_delivery", "delivery_rejections", ["delivery"])
