"""Journals of other versions: brought up to date in place, replayed, or refused by number."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest
from journal_samples import STARTED, ledger_in, one_result, order_events, write

from station.attempt.outcome import Outcome
from station.records import queries
from station.records.errors import JournalNewer
from station.records.events import VOCABULARY, Event, JournalUpgraded
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.segments import segment_path
from station.records.tables import DERIVED_TABLES, TABLES_VERSION
from station.records.verify import verify

OF_VERSION_2 = Path(__file__).with_name("journal-of-tables-2.sql")
"""What the program before vocabulary and tables were told apart wrote: an order, passes, failures, an open attempt."""


def older_journal(folder: Path) -> Path:
    """Put the older program's journal in place, as its file was."""
    folder.mkdir()
    path = segment_path(folder, 1)
    with closing(sqlite3.connect(path)) as segment:
        segment.executescript(OF_VERSION_2.read_text(encoding="utf-8"))
    return path


def shape_of(path: Path) -> dict[str, object]:
    with closing(sqlite3.connect(path)) as segment:
        shape: dict[str, object] = {
            table: segment.execute(
                'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)', (table,)
            ).fetchall()
            for table in DERIVED_TABLES
        }
        shape["indexes"] = segment.execute(
            "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' ORDER BY name"
        ).fetchall()
    return shape


def test_a_journal_from_before_is_brought_up_to_date_in_place(folder: Path, tmp_path: Path) -> None:
    path = older_journal(folder)
    before = verify(folder)
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        *_, upgraded = reader.events()
        assert upgraded.event == JournalUpgraded(vocabulary=VOCABULARY)
        assert upgraded.sequence == before.events + 1
        (open_attempt,) = reader.ask(queries.open_attempts)
        assert open_attempt.order == "WO-1"
        assert reader.ask(queries.release_results) == ()
        one_result(ledger, 1, Outcome.FAILED)
        assert len(reader.ask(queries.release_results)) == 1
    assert rebuild(folder).differing == ()
    with ledger_in(tmp_path / "fresh"):
        pass
    assert shape_of(path) == shape_of(segment_path(tmp_path / "fresh", 1))


def test_an_upgrade_in_place_replays_nothing(folder: Path) -> None:
    path = older_journal(folder)
    # A mark that a replay would take away.
    with closing(sqlite3.connect(path)) as segment:
        segment.execute("UPDATE orders SET source = 'marked'")
        segment.commit()
    with ledger_in(folder), JournalReader(folder) as reader:
        assert [order.source for order in reader.ask(queries.orders)] == ["marked"]


def test_an_upgrade_is_said_once(folder: Path) -> None:
    older_journal(folder)
    for _ in range(2):
        with ledger_in(folder) as ledger:
            write(ledger, STARTED)
    with JournalReader(folder) as reader:
        assert sum(isinstance(recorded.event, JournalUpgraded) for recorded in reader.events()) == 1


def test_facts_of_a_newer_vocabulary_are_refused_by_its_number(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, *order_events())
        write(ledger, JournalUpgraded(vocabulary=VOCABULARY + 1))
    told = f"has facts of vocabulary {VOCABULARY + 1}, this program knows up to {VOCABULARY}: run the newer"
    with pytest.raises(JournalNewer, match=told), ledger_in(folder):
        raise AssertionError("it was opened")
    for refuse in (lambda: verify(folder), lambda: rebuild(folder)):
        with pytest.raises(JournalNewer, match=told):
            refuse()
    with pytest.raises(JournalNewer, match=told), JournalReader(folder) as reader:
        reader.ask(queries.orders)


def test_every_change_of_the_vocabulary_has_a_number() -> None:
    union, _ = get_args(Event)
    words = sorted(
        f"{kind.model_fields['kind'].default}: {' '.join(sorted(kind.model_fields))}"
        for kind in get_args(union)
    )
    kept = Path(__file__).with_name(f"vocabulary-{VOCABULARY}.txt").read_text(encoding="utf-8").splitlines()
    assert words == kept, (
        "raise VOCABULARY, unless it is newer than the last release, and keep its words beside this file"
    )


def test_every_change_of_the_tables_has_a_number(folder: Path) -> None:
    with ledger_in(folder):
        pass
    shape = shape_of(segment_path(folder, 1))
    text = "\n".join(f"{name}: {columns}" for name, columns in shape.items()) + "\n"
    kept = Path(__file__).with_name(f"tables-{TABLES_VERSION}.txt").read_text(encoding="utf-8")
    assert text == kept, (
        "raise TABLES_VERSION, unless it is newer than the last release, and keep their shape beside this file"
    )
