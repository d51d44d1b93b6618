"""What goes back to parties."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.add_column("requests", sa.Column("done", Utc(), nullable=True))
    op.add_column("requests", sa.Column("done_by", sa.Text(), nullable=True))
    op.create_table(
        "addresses",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("request", BIG_ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded", Utc(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name="fk_addresses_request"),
        sa.PrimaryKeyConstraint("id", name="pk_addresses"),
    )
    op.create_index("ix_addresses_request", "addresses", ["request"])
    op.create_table(
        "dispatches",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("request", BIG_ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("carrier_note", sa.Text(), nullable=False),
        sa.Column("transport_pence", sa.Integer(), nullable=True),
        sa.Column("despite", sa.Text(), nullable=True),
        sa.Column("dispatched", Utc(), nullable=False),
        sa.Column("dispatched_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name="fk_dispatches_request"),
        sa.PrimaryKeyConstraint("id", name="pk_dispatches"),
    )
    op.create_index("ix_dispatches_request", "dispatches", ["request"])
    op.create_index("ix_dispatches_dispatched", "dispatches", ["dispatched"])
    op.create_table(
        "dispatched",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("dispatch", BIG_ID, nullable=False),
        sa.Column("hub", sa.String(length=23), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("carton", sa.Text(), nullable=True),
        sa.Column("pallet", sa.Text(), nullable=True),
        sa.Column("firmware", sa.String(length=8), nullable=True),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "fate IN ('on_the_way', 'delivered', 'refused', 'short', 'lost')", name="ck_dispatched_fate"
        ),
        sa.ForeignKeyConstraint(["dispatch"], ["dispatches.id"], name="fk_dispatched_dispatch"),
        sa.PrimaryKeyConstraint("id", name="pk_dispatched"),
    )
    op.create_index("ix_dispatched_dispatch", "dispatched", ["dispatch"])
    op.create_index("ix_dispatched_hub", "dispatched", ["hub"])
    op.create_index("ix_dispatched_source_carton", "dispatched", ["source", "carton"])
    op.create_table(
        "fates",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("dispatch", BIG_ID, nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("hubs", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded", Utc(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dispatch"], ["dispatches.id"], name="fk_fates_dispatch"),
        sa.PrimaryKeyConstraint("id", name="pk_fates"),
    )
    op.create_index("ix_fates_dispatch", "fates", ["dispatch"])
