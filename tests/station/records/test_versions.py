"""Journals of other versions: brought up to date in place, replayed, or refused by number."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import get_args

import pytest

from benches.bridge_samples import BRIDGE_ORDER, bridge_closed, bridge_facts, bridge_line
from benches.journal_samples import (
    STARTED,
    chf,
    hub_facts,
    ledger_in,
    one_result,
    opened,
    order_events,
    settings,
    write,
)
from station.domain.contents import Contents
from station.domain.outcome import Outcome
from station.records import lock
from station.records.copies import restore
from station.records.errors import JournalNewer, JournalOutdated, UpgradeInterrupted
from station.records.facts.events import VOCABULARY, Event
from station.records.facts.history import open_attempts
from station.records.facts.journal import JournalUpgraded
from station.records.facts.orders import OrderAssigned, OrderImported, OrderLinesAdded, order_lines, orders
from station.records.facts.packed import carton
from station.records.facts.people import PinRefused, tried_from
from station.records.facts.releases import release_results
from station.records.journal import Journal
from station.records.ledger import Ledger
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.replay import SLICE, Replayed
from station.records.segments import segment_path, segment_paths
from station.records.tables import DERIVED_TABLES, TABLES_VERSION
from station.records.verify import verify

OF_VERSION_2 = Path(__file__).with_name("journal-of-tables-2.sql")
"""What the program before vocabulary and tables were told apart wrote: an order, passes, failures, an open attempt."""


OF_VERSION_4 = Path(__file__).with_name("journal-of-tables-4.sql")
"""What the last program wrote that knew hubs alone: an order, a pass that is packed, a failure, an open attempt, wrong PINs."""


def older_journal(folder: Path, dump: Path = OF_VERSION_2) -> Path:
    """Put an older program's journal in place, as its file was."""
    folder.mkdir()
    path = segment_path(folder, 1)
    with closing(sqlite3.connect(path)) as segment:
        segment.executescript(dump.read_text(encoding="utf-8"))
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
        (open_attempt,) = reader.ask(open_attempts)
        assert open_attempt.order == "WO-1"
        assert reader.ask(release_results) == ()
        one_result(ledger, 1, Outcome.FAILED)
        assert len(reader.ask(release_results)) == 1
    assert rebuild(folder).differing == ()
    with ledger_in(tmp_path / "fresh"):
        pass
    assert shape_of(path) == shape_of(segment_path(tmp_path / "fresh", 1))


def test_a_journal_of_hubs_alone_goes_on_with_bridges_and_places(folder: Path, tmp_path: Path) -> None:
    path = older_journal(folder, OF_VERSION_4)
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        *_, upgraded = reader.events()
        assert upgraded.event == JournalUpgraded(vocabulary=VOCABULARY)
        (before,) = reader.ask(open_attempts)
        assert before.hub == hub_facts(2)
        assert [line.outcome for line in reader.ask(order_lines, "WO-1")] == ["passed", "failed", None]
        packed = reader.ask(carton, 1)
        assert packed is not None
        assert isinstance(packed.contents, Contents)
        # Who was kept out at the bench still is; whose wrong PINs were over begins anew.
        (wrong, *others) = (reader.ask(tried_from, each, None).wrong for each in ("op-a", "op-b", "op-c"))
        assert wrong is not None
        assert (wrong.wrong, others) == (2, [None, None])
        write(ledger, PinRefused(pseudonym="op-a", where="screen", place="b2"))
        lines = tuple(bridge_line(each, "P0", 2) for each in (0, 1))
        write(
            ledger,
            OrderImported(order=BRIDGE_ORDER, source="b.csv", sha256="0" * 64, hubs=len(lines)),
            OrderLinesAdded(order=BRIDGE_ORDER, lines=lines),
            OrderAssigned(order=BRIDGE_ORDER, jig="jig-1"),
        )
        (attempt,) = write(ledger, opened(order=BRIDGE_ORDER).model_copy(update={"hub": bridge_facts(0)}))
        write(ledger, bridge_closed(attempt.sequence, 0))
    assert rebuild(folder).differing == ()
    with ledger_in(tmp_path / "fresh"):
        pass
    assert shape_of(path) == shape_of(segment_path(tmp_path / "fresh", 1))


def test_an_older_journal_goes_on_into_new_segments(folder: Path) -> None:
    older_journal(folder)
    with ledger_in(folder, segment_rows=30) as ledger, JournalReader(folder) as reader:
        before = [past.attempt for past in reader.hub_history(chf(1)).attempts]
        while len(segment_paths(folder)) < 4:
            one_result(ledger, 1, Outcome.FAILED)
        assert [past.attempt for past in reader.hub_history(chf(1)).attempts][: len(before)] == before
    assert rebuild(folder).differing == ()


def test_an_older_programs_backup_is_restored_up_to_date(folder: Path, tmp_path: Path) -> None:
    older_journal(folder)
    found = restore(folder, tmp_path / "restored")
    assert found.events == verify(folder).events + 4
    with ledger_in(tmp_path / "restored") as ledger:
        one_result(ledger, 1)
    assert rebuild(tmp_path / "restored").differing == ()


def test_an_upgrade_in_place_replays_nothing(folder: Path) -> None:
    path = older_journal(folder)
    # A mark that a replay would take away.
    with closing(sqlite3.connect(path)) as segment:
        segment.execute("UPDATE orders SET source = 'marked'")
        segment.commit()
    with ledger_in(folder), JournalReader(folder) as reader:
        assert [order.source for order in reader.ask(orders)] == ["marked"]


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
        reader.ask(orders)


def outdated_journal(folder: Path, rows: int = 3 * SLICE) -> int:
    """Make a journal whose tables can only be replayed; return how many events it has."""
    with ledger_in(folder) as ledger:
        write(ledger, *order_events())
        one_result(ledger)
        (last,) = write(ledger, *[STARTED] * rows)[-1:]
    with closing(sqlite3.connect(segment_path(folder, 1), isolation_level=None)) as segment:
        segment.execute("DROP TABLE stages")
        segment.execute("UPDATE order_lines SET outcome = 'of another kind'")
        segment.execute("PRAGMA user_version = 1")
    return last.sequence


def test_a_replay_goes_on_from_where_it_was_stopped(folder: Path) -> None:
    events = outdated_journal(folder)
    begins: list[int] = []
    for stop_at in (2, 1, None):
        heard: list[Replayed] = []

        def hear(replayed: Replayed, stop_at: int | None = stop_at, heard: list[Replayed] = heard) -> None:
            heard.append(replayed)
            if len(heard) - 1 == stop_at:
                raise UpgradeInterrupted(folder)

        with lock.hold(folder), suppress(UpgradeInterrupted):
            ledger = Ledger(settings(folder), hear)
            ledger.close()
        begins.append(heard[0].events)
        assert heard[0].of == events
        if stop_at is not None:
            with pytest.raises(JournalOutdated, match="start the station"), JournalReader(folder) as reader:
                reader.ask(orders)
            assert verify(folder).events == events
    assert begins == [0, 2 * SLICE, 3 * SLICE]
    assert rebuild(folder).differing == ()
    with JournalReader(folder) as reader:
        assert reader.ask(order_lines, "WO-1")[0].outcome is Outcome.PASSED
    assert not list(folder.glob("*.replay*"))
    assert [path.name for path in segment_paths(folder)] == ["journal-000001.sqlite", "journal-000002.sqlite"]
    assert verify(folder).events == events + 1


REPLAYING = """
import os, sys
from pathlib import Path
from benches.journal_samples import settings
from station.records import lock
from station.records.ledger import Ledger

folder, slices = Path(sys.argv[1]), int(sys.argv[2])

def hear(replayed):
    global slices
    slices -= 1
    if slices < 0:
        os.kill(os.getpid(), 9)

with lock.hold(folder):
    Ledger(settings(folder), hear)
"""


@pytest.mark.parametrize("slices", [0, 1, 3])
def test_a_replay_that_is_killed_goes_on_too(folder: Path, slices: int) -> None:
    events = outdated_journal(folder)
    killed = subprocess.run(
        [sys.executable, "-c", REPLAYING, folder, str(slices)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])},
        timeout=50,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    begun: list[int] = []
    with lock.hold(folder):
        Ledger(settings(folder), lambda replayed: begun.append(replayed.events)).close()
    assert begun[0] == slices * SLICE
    assert verify(folder).events == events + 1
    assert rebuild(folder).differing == ()


def test_a_replay_of_other_events_is_begun_anew(folder: Path, tmp_path: Path) -> None:
    outdated_journal(folder)

    def stop(replayed: Replayed) -> None:
        if replayed.events:
            raise UpgradeInterrupted(folder)

    with lock.hold(folder), pytest.raises(UpgradeInterrupted):
        Ledger(settings(folder), stop)
    outdated_journal(tmp_path / "other")
    (tmp_path / "other" / "journal-000001.sqlite").replace(segment_path(folder, 1))
    with ledger_in(folder):
        pass
    assert rebuild(folder).differing == ()
    verify(folder)


def test_a_journal_that_is_cancelled_while_it_is_brought_up_to_date_says_how_far_it_was(folder: Path) -> None:
    events = outdated_journal(folder)
    heard: list[Replayed] = []

    async def open_it() -> None:
        opening = asyncio.current_task()
        assert opening is not None

        def hear(replayed: Replayed) -> None:
            heard.append(replayed)
            opening.cancel()

        async with Journal.open(folder, site="leeds", station="bench-1", upgrading=hear):
            pass

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(open_it())
    assert str(heard[0]) == f"the journal is being brought up to date: 0 of {events} events"
    with ledger_in(folder):
        pass
    assert rebuild(folder).differing == ()


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
