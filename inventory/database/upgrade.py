"""Makes the tables, or brings those of an earlier version up to date."""

from __future__ import annotations

from alembic import command

from inventory.database.engine import Database
from inventory.database.migrating import alembic_configuration, newest_revision


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the tables up to date in one transaction, and return their version before and after.

    Raises WrongRevision for those of a newer version, and DatabaseUnavailable.
    """
    before = database.revision()
    if before is not None:
        database.require_known(before)
    configuration = alembic_configuration()
    with database.write_alone() as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
    return before, newest_revision()
