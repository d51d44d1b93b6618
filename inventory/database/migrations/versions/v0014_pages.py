"""People who use the pages; hubs that are found by the last digits of an id; what stands upstream, counted without the documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "people",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plain_name", sa.Text(), nullable=False),
        sa.Column("may", sa.Text(), nullable=False),
        sa.Column("pin", sa.Text()),
        sa.Column("added", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("plain_name", name="uq_people_plain_name"),
        sa.CheckConstraint("may IN ('look', 'act')", name="ck_people_may"),
    )
    op.create_table(
        "pins_tried",
        sa.Column("person", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("latest", Utc(), nullable=False),
        sa.Column("was_right", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("person", "place", name="pk_pins_tried"),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_pins_tried_person"),
    )
    op.create_table(
        "people_acts",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("acted", Utc(), nullable=False),
        sa.Column("acted_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people_acts"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("person", BIG_ID, nullable=False),
        sa.Column("opened", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_sessions_person"),
    )
    op.create_index("ix_sessions_person", "sessions", ["person"])
    op.create_table(
        "page_acts",
        sa.Column("key", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("acted", Utc(), nullable=False),
        sa.Column("acted_by", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_page_acts"),
    )
    # SQLite adds to a table that is there only what it computes when it is read; PostgreSQL 15 keeps it.
    kept = op.get_bind().dialect.name != "sqlite"
    for table, column in (
        ("hubs", "device"),
        ("hubs", "gpf"),
        ("request_hubs", "chf"),
        ("request_hubs", "gpf"),
    ):
        ending = f"{column}_ending"
        computed = sa.Computed(f"substr({column}, 19)", persisted=kept)
        op.add_column(table, sa.Column(ending, sa.String(length=5), computed))
        op.create_index(f"ix_{table}_{ending}", table, [ending])
    op.create_index(
        "ix_pre_notifications_csp_state_doubtful", "pre_notifications", ["csp", "state", "doubtful"]
    )
    op.create_index("ix_ssmi_rows_state", "ssmi_rows", ["state"])
