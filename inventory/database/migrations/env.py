"""Alembic's own entry: runs the steps on the connection that it was given, in that connection's transaction."""

from __future__ import annotations

from alembic import context

from inventory.database.every_table import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
