"""A hub that was charged may be given back, and charged anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    for column in (
        sa.Column("credits", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("credit_pence", BIG_ID, nullable=False, server_default="0"),
    ):
        op.add_column("statements", column)
    # Its key has the statement now: the table is made anew.
    op.execute("CREATE TEMPORARY TABLE charged_aside AS SELECT * FROM charged")
    op.drop_table("charged")
    op.create_table(
        "charged",
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("device", sa.String(length=23), nullable=False),
        sa.Column("statement", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("message", BIG_ID, nullable=False),
        sa.Column("pence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["statement"], ["statements.id"], name="fk_charged_statement"),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name="fk_charged_message"),
        sa.PrimaryKeyConstraint("work_order", "device", "statement", name="pk_charged"),
    )
    op.create_index("ix_charged_statement", "charged", ["statement"])
    op.execute(
        "INSERT INTO charged (work_order, device, statement, message, pence) "
        "SELECT work_order, device, statement, message, pence FROM charged_aside"
    )
    op.execute("DROP TABLE charged_aside")
    op.create_table(
        "credited",
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("device", sa.String(length=23), nullable=False),
        sa.Column("charged_in", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("statement", BIG_ID, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["charged_in"], ["statements.id"], name="fk_credited_charged_in"),
        sa.ForeignKeyConstraint(["statement"], ["statements.id"], name="fk_credited_statement"),
        sa.PrimaryKeyConstraint("work_order", "device", "charged_in", name="pk_credited"),
    )
    op.create_index("ix_credited_statement", "credited", ["statement"])
