"""Files for the SSMI that were written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "ssmi_files",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("written", Utc(), nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("despite", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_ssmi_files"),
        sa.UniqueConstraint("work_order", "sha256", name="uq_ssmi_files_work_order_sha256"),
    )
