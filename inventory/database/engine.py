"""Opens the database, SQLite or PostgreSQL, for reading and for writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, Self

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Transaction, create_engine, event, exc, make_url, text

from inventory.database.migrating import alembic_configuration, newest_revision
from inventory.errors import InventoryError, WrongInput

_BUSY_SECONDS: Final = 30.0
"""How long SQLite waits for another writer."""
_WRITING: Final = "inventory_writing"
_WRITERS: Final = 0x7265666C_61736801
"""Names, in PostgreSQL, the lock that all who write share, and that who has to write alone has for itself."""


class DatabaseUnavailable(InventoryError):
    """The database does not do it now: it cannot be reached, is full, busy, or went away. Another try may do."""


class PerhapsWritten(DatabaseUnavailable):
    """The connection was lost as it was written for good: it may stand there or not."""


class WrongRevision(InventoryError):
    """The database is of another version of this program."""


class Database:
    """One database. Each block of `read` or `write` is one transaction, in whichever thread asks."""

    def __init__(self, url: str) -> None:
        """Prepare; nothing is connected to yet. Raises WrongInput for no URL of a database that is known here."""
        self._url = _known(url)
        # What is written stands in no error's text: it may be a name, or what is kept of a PIN.
        options: dict[str, Any] = {"hide_parameters": True}
        if self.is_sqlite:
            options["connect_args"] = {"timeout": _BUSY_SECONDS}
        else:
            options |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}
        self._engine = create_engine(self._url, **options)
        # Rows go as one statement: sent row by row, each would be planned and answered by itself. SQLite is in this process.
        self._engine.dialect.use_insertmanyvalues_wo_returning = not self.is_sqlite
        if self.is_sqlite:
            event.listen(self._engine, "connect", _as_sqlite_is_used_here)
            event.listen(self._engine, "begin", _begin)
        self._was_current = False
        """The tables were of this program's version when it began: they may be brought up to another while it runs."""
        self._writer = self._engine.execution_options(**{_WRITING: True})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file, with one writer at a time."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def name(self) -> str:
        """How people know it; the password is left out."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read, all of one moment. Raises DatabaseUnavailable, and WrongRevision once the tables were brought up to another version."""
        with self._told(), self._engine.connect() as connection, connection.begin():
            if not self.is_sqlite:
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            self._require_still_current(connection)
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write, all of it or nothing; in PostgreSQL beside others who do, and never beside `write_alone`.

        What is read here may be another when it is written: a write has to say what it builds on. Raises as `read`, and
        PerhapsWritten where it may have been written all the same.
        """
        with self._writing("pg_advisory_xact_lock_shared") as connection:
            yield connection

    @contextmanager
    def write_alone(self) -> Iterator[Connection]:
        """Write as `write` does, with nobody else writing anything meanwhile: what is read here still holds when it is written."""
        with self._writing("pg_advisory_xact_lock") as connection:
            yield connection

    def revision(self) -> str | None:
        """Return the version of the tables; None where there are none. Raises DatabaseUnavailable."""
        with self.read() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def require_current(self) -> None:
        """Raise WrongRevision unless the tables are of this version of the program."""
        found = self.revision()
        if found == newest_revision():
            self._was_current = True
            return
        self._refuse(found)

    def _require_still_current(self, connection: Connection) -> None:
        if self._was_current:
            found = connection.scalar(text("SELECT version_num FROM alembic_version"))
            if found != newest_revision():
                self._refuse(found)

    def _refuse(self, found: str | None) -> NoReturn:
        if found is not None:
            self.require_known(found)
        raise WrongRevision(
            f"{self.name} has no tables of this version; back it up, then run: reflash inventory database upgrade"
        )

    def require_known(self, revision: str) -> None:
        """Raise WrongRevision unless tables of this version are from this program or an earlier one."""
        script = ScriptDirectory.from_config(alembic_configuration())
        if not any(each.revision == revision for each in script.walk_revisions()):
            raise WrongRevision(
                f"{self.name} is of a newer version of this program (its tables are {revision}); install that version"
            )

    @contextmanager
    def _writing(self, lock: str) -> Iterator[Connection]:
        with self._told(), self._writer.connect() as connection, connection.begin() as transaction:
            if not self.is_sqlite:
                connection.execute(text(f"SELECT {lock}(:name)"), {"name": _WRITERS})
            self._require_still_current(connection)
            yield connection
            self._commit(transaction)

    def _commit(self, transaction: Transaction) -> None:
        try:
            transaction.commit()
        except exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
            raise PerhapsWritten(
                f"{self.name}: the connection was lost as it was written ({_in_one_line(error)}), so that it may stand there: "
                "look before you do it again"
            ) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError) as error:
            raise DatabaseUnavailable(f"{self.name}: {_in_one_line(error)}") from error
        except exc.DatabaseError as error:
            # Each kind of it says that something was asked that cannot be; it alone, that the file is damaged, or is no database.
            if type(error) is not exc.DatabaseError:
                raise
            raise DatabaseUnavailable(
                f"{self.name}: {_in_one_line(error)}; put its last backup in its place"
            ) from error


def _known(url: str) -> URL:
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise WrongInput(f"database: {url[:40]!r} is no URL of a database") from error
    match parsed.get_backend_name():
        case "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed.set(drivername="sqlite")
    raise WrongInput(
        f"database: {parsed.get_backend_name()!r} is neither a file of SQLite nor PostgreSQL; "
        "write sqlite:////whole/path/inventory.db or postgresql://USER@HOST/NAME"
    )


def _in_one_line(error: exc.SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return " ".join(str(cause).split())


def _as_sqlite_is_used_here(connection: Any, _: object) -> None:
    # Python's module would begin transactions when it thinks fit.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes then would fail where another has written meanwhile.
    writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
