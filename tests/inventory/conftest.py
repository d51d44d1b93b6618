"""One suite on both databases: each test that asks for `database` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from benches import brokers, postgres
from benches.inventory_desk import Desk
from inventory.cli import main
from inventory.database.engine import Database
from inventory.database.upgrade import upgrade

_NUMBERS = count()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    with Database(f"sqlite:///{path}") as database:
        upgrade(database)
    return path


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    with postgres.postgres() as running:
        with Database(running.create("made_once")) as database:
            upgrade(database)
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        path = tmp_path / "inventory.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    running: postgres.Postgres = request.getfixturevalue("server")
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    yield running.create(name, "made_once")
    running.drop(name)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with Database(url) as opened:
        yield opened


@pytest.fixture
def inventory(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run the program in this process as somebody types it: its exit code, and all that it says."""

    def run(*arguments: object) -> tuple[int, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return int(ended.value.code or 0), said.out + said.err

    return run


@pytest.fixture
def desk(tmp_path: Path, url: str, inventory: Callable[..., tuple[int, str]]) -> Desk:
    return Desk(tmp_path, url, inventory)


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Mosquitto]:
    with brokers.mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker
