"""Where Alembic finds how the tables came to be as they are."""

from __future__ import annotations

from functools import cache

from alembic.config import Config
from alembic.script import ScriptDirectory


def alembic_configuration() -> Config:
    """Return what Alembic has to know, without a file."""
    configuration = Config()
    configuration.set_main_option("script_location", "inventory.database:migrations")
    return configuration


@cache
def newest_revision() -> str:
    """Return the version of the tables that this program works with, which its files say once and for all."""
    head = ScriptDirectory.from_config(alembic_configuration()).get_current_head()
    if head is None:
        raise LookupError("the package has no migrations")
    return head
