"""Requests, and what was asked for in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "requests",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("extract", sa.Text(), nullable=False),
        sa.Column("extract_sha256", sa.String(length=64), nullable=False),
        sa.Column("received", Utc(), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("work_order", sa.Text(), nullable=True),
        sa.Column("purchase_order", sa.Text(), nullable=True),
        sa.Column("order_sha256", sa.String(length=64), nullable=True),
        sa.Column("decided", Utc(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('judged', 'authorised', 'refused', 'closed')", name="ck_requests_state"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
        sa.UniqueConstraint("work_order", name="uq_requests_work_order"),
    )
    op.create_table(
        "request_hubs",
        sa.Column("request", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ids", sa.Text(), nullable=False),
        sa.Column("chf", sa.String(length=23), nullable=True),
        sa.Column("gpf", sa.String(length=23), nullable=True),
        sa.Column("manufacturer", sa.String(length=30), nullable=True),
        sa.Column("model", sa.String(length=30), nullable=True),
        sa.Column("firmware", sa.String(length=8), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("han_variant", sa.Text(), nullable=True),
        sa.Column("chts_version", sa.Text(), nullable=True),
        sa.Column("installation_end", sa.Date(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name="fk_request_hubs_request"),
        sa.PrimaryKeyConstraint("request", "line", name="pk_request_hubs"),
    )
    op.create_index("ix_request_hubs_chf", "request_hubs", ["chf"], unique=False)
