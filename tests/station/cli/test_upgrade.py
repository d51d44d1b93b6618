"""The upgrade that docs/operating.md describes, walked: drain, back up, migrate, and back again."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from test_run_command import daemon

from benches.station_bench import Bench, StockHub, order_csv, slot, version
from benches.station_daemon import running_daemon
from station.domain.phase import SlotPhase
from station.records.tables import TABLES_VERSION
from station.settings_file import load_settings

OPERATING = Path(__file__).parents[3] / "docs" / "operating.md"
PLACE = slot(1)
WALKED = [
    "reflash journal backup /backup/journal-…",
    "reflash run --check",
    "systemctl stop reflash",
    "systemctl start reflash",
    "systemctl stop reflash",
    "reflash journal set-aside",
    "systemctl stop reflash",
    "reflash journal restore /backup/journal-…",
    "systemctl start reflash",
]
"""What of the procedure concerns the program; `make test-machine` walks all of it, with the package."""


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal" / "journal-000001.sqlite"


def become(segment: Path, schema: int, *statements: str) -> None:
    """Make the newest segment what a program of another schema left."""
    with closing(sqlite3.connect(segment, isolation_level=None)) as journal:
        for statement in (*statements, f"PRAGMA user_version = {schema}"):
            journal.execute(statement)


def schema_of(segment: Path) -> int:
    with closing(sqlite3.connect(segment)) as journal:
        found: int = journal.execute("PRAGMA user_version").fetchone()[0]
    return found


def test_what_is_walked_here_is_what_the_procedure_says() -> None:
    _, _, procedure = OPERATING.read_text().partition("To upgrade, ")
    command = r"(?m)(?:^    (?:sudo -u reflash )?|`)((?:systemctl|reflash) [^`\n]+)"
    commands = re.findall(command, procedure.partition("\n### To another PC")[0])
    assert commands == WALKED


def import_hubs(reflash: Callable[..., Any], config: Path, *hubs: StockHub) -> None:
    order = config.with_name("WO-1.csv")
    order.write_bytes(order_csv(*hubs))
    assert reflash("orders", "import", order, "--jig", "jig1", "--config", config).code == 0


def passes(bench: Bench, config: Path, hub: StockHub) -> None:
    """Have the station begin on what lies there, pass a hub and end, in this process."""

    async def work() -> None:
        async with running_daemon(load_settings(config)) as station:
            view = station.daemon.view
            await view.changes.until(lambda: view.broker.state == "connected")
            await bench.seat(hub, PLACE)
            assert (await station.until(PLACE, SlotPhase.PASSED)).chf == hub.chf
            await bench.unseat(PLACE)

    asyncio.run(work())


@pytest.mark.slow
def test_a_station_is_drained_backed_up_and_brought_up_to_date(
    bench: Bench, config: Path, segment: Path, tmp_path: Path, reflash: Callable[..., Any]
) -> None:
    at = ("--config", config)
    at_work, later = bench.hub(), bench.hub()
    import_hubs(reflash, config, at_work, later)
    slowly = {"name": "delay_reply", "on": "upload", "times": 10, "seconds": 0.3}
    with daemon(config) as old:
        old.until("broker", state="connected")
        bench.do_now("fault", fault={**slowly, "jig": 1, "slot": 1})
        bench.do_now("seat", chf=str(at_work.chf), jig=PLACE.jig, slot=PLACE.slot)
        old.until("hub recognised")
        assert old.end(signal.SIGTERM) == 0
    (drained,) = [line for line in old.lines if line["event"] == "result"]
    assert (drained["chf"], drained["outcome"]) == (str(at_work.chf), "passed")
    assert bench.do_now("hub", chf=str(at_work.chf))["firmware"] == str(version("new"))
    bench.tidy()

    assert reflash("journal", "backup", tmp_path / "backup", *at).code == 0
    # What an older program would have left: other tables.
    become(segment, 1, "DROP INDEX attempts_by_chf", "DELETE FROM order_lines")
    passes(bench, config, later)
    # The older segment is finished as it was, and the next has the new tables.
    assert schema_of(segment) == 1
    assert schema_of(segment.with_name("journal-000002.sqlite")) == TABLES_VERSION
    assert reflash("journal", "rebuild", *at).out.startswith("the tables are what ")
    assert reflash("journal", "verify", *at).out.startswith("whole: ")
    (order,) = reflash("orders", "list", *at, "--json").json
    assert (order["hubs"], order["passed"]) == (2, 2)
    assert reflash("journal", "outbox", *at).out == "the broker has taken every message\n"


@pytest.mark.slow
def test_an_older_program_refuses_a_newer_journal_and_goes_on_from_the_backup(
    bench: Bench, config: Path, segment: Path, tmp_path: Path, reflash: Callable[..., Any]
) -> None:
    at = ("--config", config)
    before, after = bench.hub(), bench.hub()
    import_hubs(reflash, config, before, after)
    passes(bench, config, before)
    backup = tmp_path / "backup"
    assert reflash("journal", "backup", backup, *at).code == 0
    become(segment, TABLES_VERSION + 1)  # what a newer program would have made of it
    with daemon(config) as older:
        _, said = older.process.communicate(timeout=60)
    assert older.process.returncode == 1
    assert said.splitlines()[-1].endswith(
        f"has tables of version {TABLES_VERSION + 1}, this program knows up to {TABLES_VERSION}: "
        "run the newer reflash-station again, or restore a backup made before the upgrade"
    )
    refused = reflash("journal", "restore", backup, *at)
    assert (refused.code, "set it aside first" in refused.complaint) == (1, True)
    assert reflash("journal", "set-aside", *at).code == 0
    assert reflash("journal", "restore", backup, *at).code == 0
    passes(bench, config, after)
    assert reflash("journal", "verify", *at).out.startswith("whole: ")
    (order,) = reflash("orders", "list", *at, "--json").json
    assert (order["hubs"], order["passed"]) == (2, 2)
