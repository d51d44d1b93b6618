"""A PostgreSQL server for tests: on a socket of its own, as a user without rights, killed and started again at will."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from benches import processes
from inventory.database.engine import Database

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
"""Where Debian puts them."""


class Postgres:
    """One server, with what is in it."""

    def __init__(self, folder: Path, user: str | None, *, fsync: bool) -> None:
        self._folder = folder
        self._user = user
        self._fsync = "on" if fsync else "off"
        self._data = folder / "data"
        self._runs = False

    def url(self, name: str) -> str:
        """Return how a database in it is reached."""
        return f"postgresql://{self._user or getpass.getuser()}@/{name}?host={self._folder}"

    def make(self) -> None:
        """Make its folder."""
        options = ("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
        self._run("initdb", f"--pgdata={self._data}", *options)

    def start(self) -> None:
        """Return once it answers."""
        options = f"-k {self._folder} -c listen_addresses= -c fsync={self._fsync} -c max_connections=40"
        log = self._folder / "log"
        self._run(
            "pg_ctl", f"--pgdata={self._data}", "--wait", f"--log={log}", f"--options={options}", "start"
        )
        self._runs = True

    def kill(self) -> None:
        """End it, and all that works for it, as a power cut would."""
        if self._runs:
            self._run("pg_ctl", f"--pgdata={self._data}", "--wait", "--mode=immediate", "stop")
            self._runs = False

    def create(self, name: str, template: str = "template0") -> str:
        """Make a database, as another is, and return its URL."""
        command = f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"
        self._run("psql", "--host", self._folder, "--dbname=postgres", "--quiet", "--command", command)
        return self.url(name)

    def drop(self, name: str) -> None:
        """Take a database away."""
        command = f"DROP DATABASE {name} WITH (FORCE)"
        self._run("psql", "--host", self._folder, "--dbname=postgres", "--quiet", "--command", command)

    def _run(self, program: str, *arguments: object) -> None:
        # Not captured: the server would hold the pipe open.
        done = processes.run(
            [_PROGRAMS / program, *arguments],
            user=self._user,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{program} failed, and said why on standard error"


def somebody_waits(database: Database) -> bool:
    """Say whether somebody waits there for what another one holds."""
    question = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with database.read() as connection:
        return bool(connection.execute(text(question)).scalar_one())


def require_installed() -> None:
    """Skip the test where there is none."""
    if not (_PROGRAMS / "postgres").exists():
        pytest.skip("PostgreSQL 15 is not installed: apt-get install postgresql-15")


@contextmanager
def postgres(*, fsync: bool = False) -> Iterator[Postgres]:
    """Run a server for the length of the block. Its folder is where a user without rights can reach it.

    Without `fsync`, too, a process that is killed loses nothing that it gave to the kernel.
    """
    require_installed()
    # The server refuses to be run by root.
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="reflash-postgres-"))
    try:
        if user is not None:
            whose = pwd.getpwnam(user)
            os.chown(folder, whose.pw_uid, whose.pw_gid)
        server = Postgres(folder, user, fsync=fsync)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)
