"""What an extract says of a hub counts by when it was taken, and is kept with that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import Utc

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.add_column("request_hubs", sa.Column("taken", Utc(), nullable=True))
    # Nobody said it until now: it counted by when it was imported.
    op.execute(
        "UPDATE request_hubs SET taken = (SELECT received FROM requests WHERE requests.id = request_hubs.request) "
        "WHERE firmware IS NOT NULL"
    )
    # Lists of requests count their lines: those that stand are found without reading each.
    op.create_index(
        "ix_request_hubs_request",
        "request_hubs",
        ["request"],
        sqlite_where=sa.text("refused IS NULL AND cancelled IS NULL"),
        postgresql_where=sa.text("refused IS NULL AND cancelled IS NULL"),
    )
