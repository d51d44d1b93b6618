from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text

from inventory.database.engine import Database, DatabaseUnavailable, WrongRevision
from inventory.database.every_table import METADATA
from inventory.database.tables import findings
from inventory.database.upgrade import upgrade
from inventory.errors import WrongInput


def test_the_steps_make_the_tables_that_the_program_works_with_and_once_more_changes_nothing(
    database: Database,
) -> None:
    assert upgrade(database) == (database.revision(), database.revision())
    database.require_current()
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_a_database_of_a_newer_version_or_none_yet_is_refused_in_a_line_that_says_what_to_do(
    database: Database, tmp_path: Path
) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_2031'"))
    with pytest.raises(WrongRevision, match=r"newer version .*of_2031.*install that version"):
        database.require_current()
    with pytest.raises(WrongRevision, match="newer version"):
        upgrade(database)
    with (
        Database(f"sqlite:///{tmp_path / 'new.db'}") as empty,
        pytest.raises(WrongRevision, match="reflash inventory database upgrade"),
    ):
        empty.require_current()


@pytest.mark.parametrize("url", ["nonsense", "mysql://somewhere/else", "sqlite://", "sqlite:///:memory:"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(WrongInput, match=r"^database: "):
        Database(url)


def test_a_database_that_is_not_there_is_unavailable_and_its_password_is_not_told(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/none/x.db", f"postgresql://me:secret@/x?host={tmp_path}"):
        with Database(url) as database, pytest.raises(DatabaseUnavailable) as raised, database.read():
            pass
        assert "secret" not in str(raised.value)
        assert "\n" not in str(raised.value)


def test_what_fails_half_way_leaves_nothing(database: Database) -> None:
    row = {"digest": "d", "what": "w", "line": "l", "found": text("CURRENT_TIMESTAMP")}
    with suppress(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(findings).values(**row))
        raise ZeroDivisionError
    with database.read() as connection:
        assert connection.execute(select(findings)).all() == []
