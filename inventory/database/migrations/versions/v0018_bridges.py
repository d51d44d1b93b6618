"""A request lists hubs, or the bridges of a recall."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step. All that was asked for before was hubs."""
    op.add_column("requests", sa.Column("family", sa.Text(), server_default="hub", nullable=False))
    op.add_column("request_hubs", sa.Column("bridge_type", sa.String(length=2), nullable=True))
    op.add_column("request_hubs", sa.Column("premises", sa.Text(), nullable=True))
    op.add_column("request_hubs", sa.Column("set_members", sa.Integer(), nullable=True))
