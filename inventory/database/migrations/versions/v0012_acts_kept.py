"""Who closed a request beside who authorised it, and each act on a notice beside the ones before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    for column in (
        sa.Column("done_despite", sa.Text(), nullable=True),
        sa.Column("closed", Utc(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
    ):
        op.add_column("requests", column)
    # Closing wrote over who had authorised: that is not known any more, nor when it was closed.
    op.execute(
        "UPDATE requests SET closed_by = decided_by, closed_reason = reason, decided_by = NULL, reason = NULL "
        "WHERE state = 'closed'"
    )
    op.add_column("notices", sa.Column("made_by", sa.Text(), nullable=True))
    op.create_table(
        "notice_acts",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("notice", BIG_ID, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("acted", Utc(), nullable=False),
        sa.Column("acted_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("what IN ('again', 'bounced', 'settled')", name="ck_notice_acts_what"),
        sa.ForeignKeyConstraint(["notice"], ["notices.id"], name="fk_notice_acts_notice"),
        sa.PrimaryKeyConstraint("id", name="pk_notice_acts"),
    )
    op.create_index("ix_notice_acts_notice", "notice_acts", ["notice"])
    # One that bounced and was sent again kept its bounce.
    op.execute(
        "INSERT INTO notice_acts (notice, what, acted, acted_by, reason) "
        "SELECT id, CASE state WHEN 'settled' THEN 'settled' ELSE 'bounced' END, settled, settled_by, reason "
        "FROM notices WHERE settled IS NOT NULL ORDER BY settled"
    )
    for column_name in ("settled", "settled_by", "reason"):
        op.execute(f"ALTER TABLE notices DROP COLUMN {column_name}")
