"""A station's own journal, exported by the station's own program, and read here by its published form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from benches.journal_samples import TOPICS, ledger_in, one_result, order_events, write
from inventory.database.engine import Database
from inventory.database.tables import messages, standings
from inventory.errors import WrongInput
from inventory.intake.findings import open_findings, settle
from inventory.intake.importing import import_export
from inventory.intake.intake import Heard, Intake
from inventory.intake.journal_export import BrokenExport
from station.domain.outcome import Outcome
from station.messages.result import RESULT
from station.messages.topics import Topics
from station.records.copies import backup, export, restore
from station.records.outgoing import OutgoingMessage
from station.records.reader import JournalReader

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], tuple[OutgoingMessage, ...]]:
    """Return what a restored journal of several segments exports, and what it tells."""
    folder = tmp_path_factory.mktemp("journal")
    with ledger_in(folder / "first", segment_rows=10) as ledger:
        write(ledger, *order_events(hubs=6))
        for number in range(4):
            one_result(ledger, number)
        backup(folder / "first", folder / "backup")
    restore(folder / "backup", folder / "second")
    with ledger_in(folder / "second") as ledger:
        one_result(ledger, 4, Outcome.FAILED)
        one_result(ledger, 5)
    with JournalReader(folder / "second") as reader:
        return list(export(reader)), reader.messages(RESULT.kind, 1, 100)


def written(tmp_path: Path, lines: list[str]) -> Path:
    path = tmp_path / "journal.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_an_export_brings_what_never_came_under_the_ids_that_it_was_published_under(
    database: Database, tmp_path: Path, journal: tuple[list[str], tuple[OutgoingMessage, ...]]
) -> None:
    lines, told = journal
    assert len(told) == 6
    intake = Intake(database, {TOPICS.source: TOPICS}, lambda: NOW)
    path = written(tmp_path, lines)
    intake.take_heard([Heard(each.topic, each.payload) for each in told[1:3]])
    assert import_export(path, intake, "A. Person") == (TOPICS.source, 4, 2, 0)
    assert import_export(path, intake, "A. Person") == (TOPICS.source, 0, 6, 0)
    # Whatever comes later after all was known already: ids, numbers and chain heads are the station's own.
    taken = intake.take_heard([Heard(each.topic, each.payload) for each in told])
    assert taken == (0, 6, [])
    with database.read() as connection:
        events = [json.loads(each.payload) for each in told]
        assert {tuple(row) for row in connection.execute(select(messages.c.event_id, messages.c.number))} == {
            (event["id"], event["data"]["station_sequence"]) for event in events
        }
        outcomes = connection.scalars(select(standings.c.outcome).order_by(standings.c.device)).all()
    assert outcomes == ["passed"] * 4 + ["failed", "passed"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_an_export_that_contradicts_what_came_says_so_until_somebody_has_settled_it(
    tmp_path: Path, journal: tuple[list[str], tuple[OutgoingMessage, ...]], database: Database
) -> None:
    lines, told = journal
    intake = Intake(database, {TOPICS.source: TOPICS}, lambda: NOW)
    other = json.loads(told[0].payload)
    other["data"]["chain_head"] = "cd" * 32
    intake.take_heard([Heard(told[0].topic, json.dumps(other).encode())])
    path = written(tmp_path, lines)
    assert import_export(path, intake, "A. Person") == (TOPICS.source, 5, 0, 1)
    assert import_export(path, intake, "A. Person") == (TOPICS.source, 0, 5, 1)
    with database.write() as connection:
        settle(connection, open_findings(connection)[0].id, by="A. Person", reason="a test", now=NOW)
    assert import_export(path, intake, "A. Person").contradictions == 0


def test_an_export_that_was_changed_cut_or_is_another_stations_brings_nothing(
    tmp_path: Path, journal: tuple[list[str], tuple[OutgoingMessage, ...]], sqlite_template: Path
) -> None:
    lines, _ = journal
    passed = next(at for at, line in enumerate(lines) if '"attempt_closed"' in line)
    better = lines[passed].replace('"outcome":"passed"', '"outcome":"failed"')
    restored = next(at for at, line in enumerate(lines) if '"journal_restored"' in line)
    spoilt = {
        "edited": [*lines[:passed], better, *lines[passed + 1 :]],
        "one missing": [*lines[:passed], *lines[passed + 1 :]],
        "another's row": [*lines[:restored], *lines[restored + 1 :]],
        "without its beginning": lines[1:],
        "cut within a line": [*lines[:-1], lines[-1][:40]],
        "no JSON": [*lines, "x"],
        "nothing": [],
        "no object": ["[]"],
    }
    with Database(f"sqlite:///{sqlite_template}") as database:
        intake = Intake(database, {TOPICS.source: TOPICS}, lambda: NOW)
        for name, wrong in spoilt.items():
            with pytest.raises(BrokenExport, match=r"^line \d+: .*reflash journal verify$"):
                print(name, import_export(written(tmp_path, wrong), intake, "A. Person"))
        elsewhere = Intake(database, {"/reflash/else/where": Topics("else", "where")}, lambda: NOW)
        with pytest.raises(WrongInput, match="no station of the configuration"):
            import_export(written(tmp_path, lines), elsewhere, "A. Person")
        with database.read() as connection:
            assert connection.execute(select(messages)).all() == []
