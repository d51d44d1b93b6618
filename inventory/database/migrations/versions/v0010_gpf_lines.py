"""A request's line is found by its hub's GPF id, too."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_index("ix_request_hubs_gpf", "request_hubs", ["gpf"])
