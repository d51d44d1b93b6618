"""Whatever happens while a segment is made, it goes on from the one before as a replay of all events does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from benches.journal_samples import (
    STARTED,
    chf,
    closed,
    gpf,
    ledger_in,
    next_segment,
    opened,
    order_events,
    order_line,
    place,
    write,
)
from station.domain.actor import Actor
from station.domain.destination import Destination
from station.domain.outcome import Outcome, Stage
from station.packing.codes import Package
from station.records import successor
from station.records.changes import ChangedRows
from station.records.errors import EventRefused
from station.records.facts import outbox
from station.records.facts.attempts import AttemptOpened, StageEnded
from station.records.facts.bench import LabelScanned, SlotEnabled
from station.records.facts.commands import CommandAnswered
from station.records.facts.events import Event
from station.records.facts.golden import GoldenCheckStarted, GoldenHubEnrolled, GoldenHubRetired
from station.records.facts.order_revisions import OrderRevised
from station.records.facts.orders import OrderClosed, OrderImported
from station.records.facts.outbox import BEFORE_ALL, MessagesAcknowledged, MessagesRepublished, Number
from station.records.facts.package_labels import PackageLabelAsked, PackageLabelPrinted
from station.records.facts.packing import CartonHeld, CartonOpened, CartonReleased, HubPlaced
from station.records.facts.people import SignedOn
from station.records.facts.unlocks import UnlockAnswerDue, UnlockAnswersUnknown
from station.records.ledger import Ledger
from station.records.projection import apply
from station.records.rebuild import rebuild
from station.records.segments import segment_paths
from station.records.successor import Successor
from station.records.tables import DERIVED_TABLES, create_segment
from station.records.verify import verify

ACTOR = Actor(pseudonym="op-7")


def placed(hub: int, order: str | None, where: Destination = Destination.QUARANTINE) -> HubPlaced:
    return HubPlaced(
        hub=chf(hub),
        gpf=gpf(hub),
        scanned_id=gpf(hub),
        order=order,
        place=where,
        carton=None,
        contents=None,
        taken_from=None,
        taken_from_carton=None,
        reason="a supervisor says so",
        actor=ACTOR,
    )


def waiting(segment: sqlite3.Connection) -> list[Number]:
    return outbox.waiting(segment, 10_000, BEFORE_ALL)


def test_a_message_that_is_told_of_what_was_left_behind_is_neither_lost_nor_its_number_given_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub of an order that is over is seen again, after the segment in the making left its place behind."""
    monkeypatch.setattr(successor, "SLICE", 8)
    with ledger_in(folder, segment_rows=10) as ledger:
        write(ledger, *order_events("WO-2", hubs=40, first=40), *order_events("WO-1", hubs=3))
        write(ledger, placed(1, "WO-1"), OrderClosed(order="WO-1", reason="done"))
        while not list(folder.glob("*.partial")):
            write(ledger, STARTED)
        write(ledger, opened(1, order=None))
        told = waiting(ledger._opened())
        assert told[-1] == Number("packing", 2)
        next_segment(ledger, folder)
        assert waiting(ledger._opened()) == told
    assert rebuild(folder).differing == ()


def test_a_hub_that_comes_into_an_order_while_a_segment_is_made_is_taken_over_after_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(successor, "SLICE", 8)

    def left_behind(ledger: Ledger) -> bool:
        """Whether the hubs have been looked at: what comes after them is there."""
        made = ledger._successor and ledger._successor._made.connection
        there = made and made.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").fetchone()
        return bool(made and there and made.execute("SELECT 1 FROM outbox").fetchone())

    with ledger_in(folder, segment_rows=10) as ledger:
        (attempt, *_) = write(ledger, opened(1, order=None), UnlockAnswersUnknown())
        write(ledger, StageEnded(attempt=attempt.sequence, stage=Stage.UNLOCK, seconds=0.1))
        write(ledger, *order_events("WO-2", hubs=40, first=40))
        while not left_behind(ledger):
            write(ledger, STARTED)
        write(ledger, *order_events("WO-1", hubs=3))
        next_segment(ledger, folder)
    assert rebuild(folder).differing == ()


def test_every_table_of_a_segment_is_carried_and_each_of_its_rows_is_known_by_a_key() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as segment:
        create_segment(segment)
        tables = segment.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        assert sorted(tables) == sorted((table,) for table in ("events", *DERIVED_TABLES))
        changed = ChangedRows(segment)
        for _ in changed.watch():
            pass
        assert all(changed.keys[table] for table in DERIVED_TABLES)


class Bench:
    """Draws what may happen next. Much of it the journal refuses, as it should."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.orders = 0
        self.open: list[tuple[int, int, str | None]] = []

    def next(self, segment: sqlite3.Connection) -> tuple[Event, ...]:
        hub, order = self.chance.randrange(12), f"WO-{self.orders - self.chance.choice((0, 0, 0, 1, 2))}"
        attempt, its_hub, its_order = self.chance.choice(self.open or [(1, hub, order)])
        kind = self.chance.choice(("order", "result", "packing"))
        last = outbox.last_number(segment, kind)
        first = self.chance.randint(1, max(last, 1))
        carton = self.chance.randint(1, 6)
        jig = f"jig-{self.chance.randint(1, 2)}"
        revision = segment.execute(
            "SELECT 1 + (SELECT max(1, coalesce(max(revision), 1)) FROM order_revisions WHERE work_order = ?1), sha256"
            " FROM orders WHERE work_order = ?1",
            (order,),
        ).fetchone() or (2, "00" * 32)
        draws: list[tuple[int, tuple[Event, ...]]] = [
            (5, (opened(hub, order=self.chance.choice((order, order, None)), slot=1 + hub),)),
            (5, (closed(attempt, its_hub, self.chance.choice(list(Outcome)), order=its_order),)),
            (2, (UnlockAnswerDue(attempt=attempt, chf=chf(its_hub)),)),
            (2, (StageEnded(attempt=attempt, stage=Stage.UNLOCK, step=0, seconds=0.1, code=None),)),
            (1, (UnlockAnswersUnknown(),)),
            (3, (OrderClosed(order=order, reason="done"),)),
            (3, (placed(hub, self.chance.choice((order, None)), self.chance.choice(list(Destination))),)),
            (1, (CartonOpened(carton=carton, order=order, capacity=3, actor=ACTOR),)),
            (1, (CartonHeld(carton=carton, found=chf(hub), reason="found", actor=ACTOR),)),
            (1, (CartonReleased(carton=carton, reason="looked", actor=ACTOR),)),
            (1, (PackageLabelAsked(package=Package.CARTON, number=carton, order=order, sscc=None),)),
            (1, (PackageLabelPrinted(asked=self.chance.randint(1, 400)),)),
            (3, (MessagesAcknowledged(message=kind, numbers=tuple(range(first, min(first + 9, last) + 1))),)),
            (2, (MessagesRepublished(message=kind, first=first, last=last),)),
            (1, (CommandAnswered(key=UUID(int=hub), command="stop", sha256="00", answer={}),)),
            (1, (SignedOn(jig=jig, actor=ACTOR, proof="badge"),)),
            (1, (LabelScanned(place=place(hub + 1), scanned_id=gpf(hub), scanned_role=None, hub=None),)),
            (1, (SlotEnabled(place=place(hub + 1)),)),
            (1, (GoldenHubEnrolled(chf=chf(hub), gpf=gpf(hub), actor=ACTOR),)),
            (1, (GoldenHubRetired(chf=chf(hub), reason="worn", as_it_is=True, actor=ACTOR),)),
            (
                1,
                (GoldenCheckStarted(place=place(), chf=chf(hub), image_sha256="00", bytes=1, operator=None),),
            ),
            (1, (OrderImported(order=f"half-{order}", source="half.csv", sha256="00" * 32, hubs=3),)),
            (
                1,
                (
                    OrderRevised(
                        order=order,
                        revision=revision[0],
                        source="again.csv",
                        sha256=f"{self.chance.getrandbits(256):064x}",
                        amends=revision[1],
                        hubs=5,
                        added=(order_line(100 + hub),),
                        changed=(),
                        withdrawn=(chf(hub),),
                        reason="as agreed",
                        actor=ACTOR,
                    ),
                ),
            ),
        ]
        if self.chance.random() < 0.06 or not self.orders:
            self.orders += 1
            return order_events(f"WO-{self.orders}", 6, jig, first=self.chance.choice((0, 3, 6)))
        weights, events = zip(*draws, strict=True)
        (drawn,) = self.chance.choices(events, weights)
        return tuple(drawn)

    def note(self, event: Event, sequence: int) -> None:
        if isinstance(event, AttemptOpened) and event.hub is not None:
            number = (event.hub.chf.value & 0xFFFF) >> 1
            self.open.append((sequence, number, event.order))


def happen(ledger: Ledger, bench: Bench) -> bool:
    """Let one thing happen, and the journal be tidied: that changes nothing of what waits, nor any number."""
    events = bench.next(ledger._opened())
    (outcome,) = ledger.commit([events])
    if isinstance(outcome, Exception):
        assert isinstance(outcome, EventRefused), (events, outcome)
        return False
    for recorded in outcome:
        bench.note(recorded.event, recorded.sequence)
    told = waiting(ledger._opened())
    numbers = [outbox.last_number(ledger._opened(), kind) for kind in ("order", "result", "packing")]
    ledger.tidy(idle=True)
    assert waiting(ledger._opened()) == told, events
    assert [outbox.last_number(ledger._opened(), kind) for kind in ("order", "result", "packing")] == numbers
    return True


@pytest.mark.parametrize(("seed", "rows", "slice_rows"), [(1, 25, 3), (2, 30, 1), (5, 60, 9)])
def test_a_segment_is_what_a_replay_makes_whatever_happened_while_it_was_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int, rows: int, slice_rows: int
) -> None:
    monkeypatch.setattr(successor, "SLICE", slice_rows)
    bench = Bench(seed)
    with ledger_in(folder, segment_rows=rows) as ledger:
        assert sum(happen(ledger, bench) for _ in range(450)) > 100
        while len(segment_paths(folder)) < 4:
            happen(ledger, bench)
    assert rebuild(folder).differing == ()
    verify(folder)


def change(segment: sqlite3.Connection, table: str, chance: Random) -> None:
    """Change rows of a table in any way, so that keys come again and rows are at odds; but as orders and numbers go, onwards."""
    columns = segment.execute(
        'SELECT name, type, pk, "notnull" FROM pragma_table_info(?)', (table,)
    ).fetchall()

    def value(name: str, kind: str, key: int, required: int) -> object:
        if name == "work_order" and (key or required or chance.random() < 0.6):
            return chance.choice("ABCDEF")
        if not key and not required and chance.random() < 0.4:
            return None
        json = f'"{chance.choice("ABCDEF")}"'
        return {"INTEGER": chance.randrange(6), "REAL": chance.random(), "BLOB": b"hash"}.get(kind, json)

    row = {name: value(name, *of) for name, *of in columns}
    onwards = {
        "orders": ("work_order",),
        "outbox": ("sequence", "kind", "number"),
        "cartons": ("number",),
        "pallets": ("number",),
    }
    if table in onwards:
        for name in onwards[table]:
            if name not in {"work_order", "kind"}:
                (row[name],) = segment.execute(f"SELECT coalesce(max({name}), 0) + 1 FROM {table}").fetchone()
        how = chance.choice(("INSERT OR IGNORE", "UPDATE"))
        if table == "orders":
            row["closed"] = None if how != "UPDATE" or chance.random() < 0.8 else "done"
        changed = {name: of for name, of in row.items() if name not in onwards[table] and of is not None}
    else:
        how = chance.choice(("INSERT OR REPLACE", "UPDATE OR REPLACE", "DELETE"))
        changed = row
    some = {name: row[name] for name, _, key, _ in columns if key == 1}
    where = " AND ".join(f"{name} = ?" for name in some)
    match how.split()[0]:
        case "INSERT":
            segment.execute(f"{how} INTO {table} VALUES ({', '.join('?' * len(row))})", (*row.values(),))
        case "UPDATE":
            if table in {"outbox", "cartons", "pallets"}:
                some = {name: chance.randrange(1, 9) for name in some}
            values = (*changed.values(), *some.values())
            segment.execute(
                f"{how} {table} SET {', '.join(f'{name} = ?' for name in changed)} WHERE {where}", values
            )
        case _:
            segment.execute(f"DELETE FROM {table} WHERE {where}", (*some.values(),))


@pytest.mark.parametrize(("seed", "slice_rows"), [(1, 1), (2, 7), (3, 40)])
def test_every_table_is_taken_over_however_its_rows_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int, slice_rows: int
) -> None:
    """What SQLite notes of a change does not depend on what wrote it: every table, each way to change a row."""
    monkeypatch.setattr(successor, "SLICE", slice_rows)
    chance = Random(seed)
    changing = [table for table in DERIVED_TABLES if table != "station"]
    with ledger_in(folder) as ledger:
        newest, head, clock = ledger._opened(), ledger._head, ledger._settings.clock
        newest.execute("PRAGMA foreign_keys = OFF")
        # Nothing is of an order before it is imported.
        newest.executemany("INSERT INTO orders VALUES (?, 0, '', '', 0, NULL)", "ABCDEF")

        def changes(how_many: int) -> None:
            newest.execute("BEGIN")
            for table in chance.choices(changing, k=how_many):
                change(newest, table, chance)
            newest.execute("COMMIT")

        changes(600)
        made = Successor(newest, ledger._path)
        for _ in range(60):
            made.go_on()
            changes(chance.choice((1, 20)))
        while not made.go_on():
            changes(1)
        started = made.finish(head, clock)
        made.discard()
        with closing(sqlite3.connect(made.path)) as taken_over:
            newest.execute("BEGIN")
            apply(newest, started)
            for table in DERIVED_TABLES:
                there, here = (set(of.execute(f"SELECT * FROM {table}")) for of in (newest, taken_over))
                assert there == here, table
            newest.execute("ROLLBACK")
