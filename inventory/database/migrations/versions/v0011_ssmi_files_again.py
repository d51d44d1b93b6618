"""A file for the SSMI may be made again, with the same table."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    # SQLite makes the table anew, and drops no table that rows of others name: those stand aside meanwhile.
    aside = op.get_bind().dialect.name == "sqlite"
    if aside:
        op.execute("CREATE TEMPORARY TABLE rows_aside AS SELECT * FROM ssmi_rows")
        op.execute("CREATE TEMPORARY TABLE uploads_aside AS SELECT * FROM ssmi_uploads")
        op.execute("DELETE FROM ssmi_rows")
        op.execute("DELETE FROM ssmi_uploads")
    with op.batch_alter_table("ssmi_files") as table:
        table.drop_constraint("uq_ssmi_files_work_order_sha256", type_="unique")
    if aside:
        op.execute("INSERT INTO ssmi_rows SELECT * FROM rows_aside")
        op.execute("INSERT INTO ssmi_uploads SELECT * FROM uploads_aside")
        op.execute("DROP TABLE rows_aside")
        op.execute("DROP TABLE uploads_aside")
