from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from benches.looking import until
from benches.postgres import somebody_waits
from inventory.database.engine import Database, DatabaseUnavailable, PerhapsWritten, WrongRevision
from inventory.database.every_table import METADATA
from inventory.database.migrating import alembic_configuration
from inventory.database.notice_tables import notice_acts
from inventory.database.people_tables import people
from inventory.database.tables import findings, messages, requests, ssmi_files
from inventory.database.upgrade import upgrade
from inventory.database.upstream_tables import ssmi_rows, ssmi_uploads
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


def test_a_program_at_work_neither_reads_nor_writes_once_the_tables_are_of_another_version(
    database: Database, url: str
) -> None:
    database.require_current()
    with Database(url) as upgrading, upgrading.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_2031'"))
    for access in (database.read, database.write, database.write_alone):
        with pytest.raises(WrongRevision, match=r"newer version .*of_2031.*install that version"), access():
            raise AssertionError("it was let in")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_connection_that_is_lost_as_it_is_written_says_that_it_may_stand_there(
    database: Database, url: str
) -> None:
    row = {"digest": "d", "what": "w", "line": "l", "found": text("CURRENT_TIMESTAMP")}

    def cut(connection: Connection) -> None:
        own = connection.scalar(text("SELECT pg_backend_pid()"))
        with Database(url) as other, other.read() as hand:
            hand.execute(text("SELECT pg_terminate_backend(:own, 60000)"), {"own": own})

    def find(connection: Connection) -> None:
        connection.execute(insert(findings).values(**row))

    def written(*steps: Callable[[Connection], None]) -> None:
        with database.write() as connection:
            for step in steps:
                step(connection)

    with pytest.raises(PerhapsWritten, match=r"so that it may stand there: look before you do it again$"):
        written(find, cut)
    with pytest.raises(DatabaseUnavailable) as before:
        written(cut, find)
    assert type(before.value) is DatabaseUnavailable, "it was not written for certain"
    with database.read() as connection:
        assert connection.execute(select(findings)).all() == []


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


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_file_that_is_damaged_or_no_database_is_told_in_a_line(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    whole = path.read_bytes()
    for spoilt, words in (
        (b"no database" * 999, "is not a database"),
        (whole[:4096] + bytes(len(whole) - 4096), "malformed"),
    ):
        path.write_bytes(spoilt)
        with Database(url) as database, pytest.raises(DatabaseUnavailable, match=words) as raised:
            database.require_current()
        assert str(raised.value).endswith("; put its last backup in its place")


def test_what_is_written_stands_in_no_errors_text(database: Database) -> None:
    person = {"id": 1, "name": "Ann Example", "plain_name": "ann", "may": "look", "added": datetime.now(UTC)}
    with pytest.raises(IntegrityError) as raised, database.write() as connection:
        connection.execute(insert(people), [person, person])
    assert "people" in str(raised.value)
    assert "Ann Example" not in str(raised.value)


def test_what_fails_half_way_leaves_nothing(database: Database) -> None:
    row = {"digest": "d", "what": "w", "line": "l", "found": text("CURRENT_TIMESTAMP")}
    with suppress(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(findings).values(**row))
        raise ZeroDivisionError
    with database.read() as connection:
        assert connection.execute(select(findings)).all() == []


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("first", "second"), [("write_alone", "write"), ("write", "write_alone")])
async def test_nobody_writes_beside_whoever_has_to_write_alone(
    database: Database, first: str, second: str
) -> None:
    def counted(connection: Connection) -> int:
        return connection.execute(select(func.count()).select_from(findings)).scalar_one()

    def find() -> int:
        with getattr(database, second)() as connection:
            before = counted(connection)
            row = {"digest": second, "what": "w", "line": "l", "found": datetime.now(UTC)}
            connection.execute(insert(findings).values(row))
            return before

    with ThreadPoolExecutor(1) as thread:
        with getattr(database, first)() as connection:
            assert counted(connection) == 0
            found = thread.submit(find)
            await until(lambda: found.done() or somebody_waits(database))
            # What was read still holds, also for whoever comes after.
            assert counted(connection) == 0
            connection.execute(
                insert(findings).values(digest=first, what="w", line="l", found=datetime.now(UTC))
            )
        assert found.result(30) == 1


def test_what_an_earlier_version_wrote_stays_and_is_what_it_was(database: Database) -> None:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    configuration = alembic_configuration()
    with database.write_alone() as connection:
        METADATA.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0010")
        told = {
            "source": "s",
            "event_id": "e",
            "kind": "result",
            "journal": "j",
            "number": 1,
            "chain_head": "c",
        }
        more = {"id": 1, "told": now, "received": now, "via": "broker", "data": {}}
        connection.execute(insert(messages).values(**told, **more))
        file = {"work_order": "WO-1", "sha256": "a", "rows": 1, "held": 0, "written": now, "written_by": "A"}
        connection.execute(insert(ssmi_files).values(**file))
        row = {"file": 1, "device": "d", "firmware": "0002012F", "message": 1, "state": "written"}
        connection.execute(insert(ssmi_rows).values(**row))
        connection.execute(insert(ssmi_uploads).values(file=1, uploaded_by="A", begun=now))
        kept = [connection.execute(select(each)).all() for each in (ssmi_files, ssmi_rows, ssmi_uploads)]
        words = {"file": "f", "file_sha256": "f", "extract": "e", "extract_sha256": "e", "received_by": "A"}
        closed = {"party": "P", "received": now, "state": "closed", "decided_by": "B", "reason": "all back"}
        connection.execute(insert(requests).values(**words, **closed))
        connection.execute(
            text(
                "INSERT INTO notices (request, party, kind, facts, made, state, tries, settled, settled_by, reason)"
                " VALUES (1, 'P', 'done', '{}', :now, 'waiting', 1, :now, 'A', 'mailbox full')"
            ),
            {"now": now},
        )
    assert upgrade(database)[0] == "0010"
    with database.write() as connection:
        assert kept == [
            connection.execute(select(each)).all() for each in (ssmi_files, ssmi_rows, ssmi_uploads)
        ]
        connection.execute(insert(ssmi_files).values(**file))
        # Who closed it is known, and no more who authorised it; a notice that bounced and waits again did bounce.
        of_request = requests.c.decided_by, requests.c.closed_by, requests.c.closed_reason
        assert connection.execute(select(*of_request)).one() == (None, "B", "all back")
        did = notice_acts.c.what, notice_acts.c.acted_by, notice_acts.c.reason
        assert connection.execute(select(*did)).one() == ("bounced", "A", "mailbox full")
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(ssmi_rows).values(**{**row, "file": 3}))
