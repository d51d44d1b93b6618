"""What parties were charged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "statements",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("hubs", sa.Integer(), nullable=False),
        sa.Column("pence", BIG_ID, nullable=False),
        sa.Column("transport_pence", BIG_ID, nullable=False),
        sa.Column("written", Utc(), nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_statements"),
        sa.UniqueConstraint("party", "month", name="uq_statements_party_month"),
    )
    op.create_table(
        "charged",
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("device", sa.String(length=23), nullable=False),
        sa.Column("statement", BIG_ID, nullable=False),
        sa.Column("message", BIG_ID, nullable=False),
        sa.Column("pence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["statement"], ["statements.id"], name="fk_charged_statement"),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name="fk_charged_message"),
        sa.PrimaryKeyConstraint("work_order", "device", name="pk_charged"),
    )
    op.create_index("ix_charged_statement", "charged", ["statement"])
    op.create_table(
        "charged_transport",
        sa.Column("dispatch", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("statement", BIG_ID, nullable=False),
        sa.Column("pence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["dispatch"], ["dispatches.id"], name="fk_charged_transport_dispatch"),
        sa.ForeignKeyConstraint(["statement"], ["statements.id"], name="fk_charged_transport_statement"),
        sa.PrimaryKeyConstraint("dispatch", name="pk_charged_transport"),
    )
    op.create_index("ix_charged_transport_statement", "charged_transport", ["statement"])
