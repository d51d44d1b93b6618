"""What goes upstream: releases, pre-notifications and their tries, rows of files and their uploads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.database.columns import BIG_ID, Utc

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "upstream_mark",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message", BIG_ID, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_upstream_mark_one"),
        sa.PrimaryKeyConstraint("id", name="pk_upstream_mark"),
    )
    op.create_table(
        "upstream_orders",
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("due", sa.Boolean(), nullable=False),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("work_order", name="pk_upstream_orders"),
    )
    op.create_table(
        "upstream_releases",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("released", Utc(), nullable=False),
        sa.Column("released_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_upstream_releases"),
    )
    op.create_index("ix_upstream_releases_work_order", "upstream_releases", ["work_order"], unique=False)
    op.create_table(
        "pre_notifications",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("notification_id", sa.String(length=36), nullable=False),
        sa.Column("csp", sa.Text(), nullable=False),
        sa.Column("work_order", sa.Text(), nullable=False),
        sa.Column("device", sa.String(length=23), nullable=False),
        sa.Column("firmware", sa.String(length=8), nullable=False),
        sa.Column("message", BIG_ID, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due", Utc(), nullable=False),
        sa.Column("held_until", Utc(), nullable=True),
        sa.Column("made", Utc(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=True),
        sa.Column("made_why", sa.Text(), nullable=True),
        sa.Column("corrects", BIG_ID, nullable=True),
        sa.Column("decided", Utc(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("settled_why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'accepted', 'refused', 'replaced', 'settled')",
            name="ck_pre_notifications_state",
        ),
        sa.ForeignKeyConstraint(["corrects"], ["pre_notifications.id"], name="fk_pre_notifications_corrects"),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name="fk_pre_notifications_message"),
        sa.PrimaryKeyConstraint("id", name="pk_pre_notifications"),
        sa.UniqueConstraint("notification_id", name="uq_pre_notifications_notification_id"),
    )
    op.create_index("ix_pre_notifications_device", "pre_notifications", ["device"], unique=False)
    op.create_index("ix_pre_notifications_state_due", "pre_notifications", ["state", "due"], unique=False)
    op.create_index("ix_pre_notifications_work_order", "pre_notifications", ["work_order"], unique=False)
    op.create_table(
        "ssmi_rows",
        sa.Column("file", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("device", sa.String(length=23), nullable=False),
        sa.Column("firmware", sa.String(length=8), nullable=False),
        sa.Column("message", BIG_ID, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answered", Utc(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("settled_why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('written', 'accepted', 'refused', 'again', 'settled')", name="ck_ssmi_rows_state"
        ),
        sa.ForeignKeyConstraint(["file"], ["ssmi_files.id"], name="fk_ssmi_rows_file"),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name="fk_ssmi_rows_message"),
        sa.PrimaryKeyConstraint("file", "device", name="pk_ssmi_rows"),
    )
    op.create_index("ix_ssmi_rows_device", "ssmi_rows", ["device"], unique=False)
    op.create_table(
        "ssmi_uploads",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("file", BIG_ID, nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("begun", Utc(), nullable=False),
        sa.Column("ended", Utc(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["file"], ["ssmi_files.id"], name="fk_ssmi_uploads_file"),
        sa.PrimaryKeyConstraint("id", name="pk_ssmi_uploads"),
    )
    op.create_table(
        "upstream_released_hubs",
        sa.Column("release", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("device", sa.String(length=23), nullable=False),
        sa.ForeignKeyConstraint(
            ["release"], ["upstream_releases.id"], name="fk_upstream_released_hubs_release"
        ),
        sa.PrimaryKeyConstraint("release", "device", name="pk_upstream_released_hubs"),
    )
    op.create_table(
        "pre_notification_tries",
        sa.Column("notification", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("begun", Utc(), nullable=False),
        sa.Column("ended", Utc(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["notification"], ["pre_notifications.id"], name="fk_pre_notification_tries_notification"
        ),
        sa.PrimaryKeyConstraint("notification", "number", name="pk_pre_notification_tries"),
    )
