"""The journal's reading side: facts from the derived tables of the newest segment, events from any of them.

Needs no lock: it may run beside the daemon and in any process. One thread at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from firmware_catalog.identity import Eui64
from station.messages.topics import Topics
from station.packing.codes import PackageCode
from station.records.chain import RecordedEvent
from station.records.derive import SELECT_ROWS, all_events, read_rows
from station.records.errors import JournalCorrupt
from station.records.facts import outbox
from station.records.facts.events import Event
from station.records.facts.history import HubHistory, hub_history, label_history
from station.records.facts.journal import identities_of
from station.records.facts.known_hubs import hubs_ending_in
from station.records.facts.orders import OrderLinesAdded, OrderLineState, lines_of, order_lines
from station.records.facts.outbox import BEFORE_ALL, Number, OutboxRow
from station.records.facts.packed import Carton, Pallet, Placing, cartons_here, package, placings_of
from station.records.outgoing import ImportedFile, NotToBeTold, OutgoingMessage, outgoing_message
from station.records.segments import (
    is_there,
    open_for_reading,
    open_up_to_date,
    segment_number,
    segment_path,
    segment_paths,
    snapshot,
)
from station.records.tables import ARCHIVES_SINCE, PACKING_SINCE, REVISIONS_SINCE, tables_version

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HubLife:
    """Everything the journal holds of one hub."""

    lines: tuple[OrderLineState, ...]
    """Where work orders list it."""
    events: tuple[RecordedEvent, ...]
    """Of all its attempts, in order."""
    places: tuple[Placing, ...] = ()
    """Where it was put, oldest first."""


class JournalReader:
    """Reads a journal folder. Every method may raise JournalError, SegmentMissing if there is none."""

    def __init__(self, folder: Path) -> None:
        """Prepare to read; files are opened when the first question is asked."""
        self._folder = folder
        self._path = segment_path(folder, 1)
        self._newest: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the files back."""
        if self._newest is not None:
            self._newest.close()
            self._newest = None

    def ask(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Answer a question of one of the `facts` from one state of the tables."""
        with self._snapshot() as tables:
            return query(tables, *args, **kwargs)

    def at_once(self, look: Callable[[Self], T]) -> T:
        """Answer all that `look` asks of this reader from one state of the tables."""
        with self._snapshot():
            return look(self)

    def events(self) -> Iterator[RecordedEvent]:
        """Read the whole journal, oldest first, as it is now."""
        with self._snapshot() as newest:
            yield from all_events(newest, self._path)

    def hub_history(self, chf: Eui64, gpf: Eui64 | None = None) -> HubHistory:
        """Return what has become of the hub with these ids so far: see `hub_history`."""
        with self._snapshot() as newest:
            return self._whole_history(newest, hub_history, chf, gpf)

    def label_history(self, label: Eui64) -> HubHistory:
        """Return what has become so far of the hub that a label names: see `label_history`."""
        with self._snapshot() as newest:
            return self._whole_history(newest, label_history, label)

    def order_lines(self, order: str) -> tuple[OrderLineState, ...]:
        """Return every hub of an order, open or closed, by CHF id."""
        with self._snapshot() as newest:
            for tables in self._all_tables(newest):
                if lines := order_lines(tables, order):
                    return lines
            return ()

    def of_order(
        self,
        order: str,
        query: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Answer a question about an order where its rows are: in the newest tables while it is open, else where it ended."""
        with self._snapshot() as newest:
            for tables in self._all_tables(newest, PACKING_SINCE):
                if tables.execute("SELECT 1 FROM order_lines WHERE work_order = ?", (order,)).fetchone():
                    return query(tables, *args, **kwargs)
            return query(newest, *args, **kwargs)

    def package(self, code: PackageCode) -> Carton | Pallet | None:
        """Return the carton or pallet with this code, of an order that is over too."""
        with self._snapshot() as newest:
            tables = self._all_tables(newest, PACKING_SINCE)
            found = next((found for each in tables if (found := package(each, code)) is not None), None)
        return None if found is None else self.of_order(found.order, package, code)

    def cartons(self) -> tuple[Carton, ...]:
        """Return every carton there ever was, by number, as it is or was at the end of its order."""
        found: dict[int, Carton] = {}
        with self._snapshot() as newest:
            for tables in self._all_tables(newest, PACKING_SINCE):
                for each in cartons_here(tables):
                    found.setdefault(each.number, each)  # what a newer segment says of it counts
        return tuple(found[number] for number in sorted(found))

    def hubs_ending_in(self, digits: str) -> tuple[tuple[Eui64, Eui64 | None], ...]:
        """Return the CHF and GPF of hubs one of whose ids ends in these six digits: of open orders, or else of earlier ones."""
        with self._snapshot() as newest:
            for tables in self._all_tables(newest):
                if found := hubs_ending_in(tables, digits):
                    return found
            return ()

    def life_of(self, device: Eui64) -> HubLife:
        """Return everything about the hub with this CHF, GPF or scanned id."""
        select = "SELECT attempt FROM attempts WHERE chf = ?1 OR gpf = ?1 OR scanned_id = ?1"
        with self._snapshot() as newest:
            attempts: set[int] = set()
            lines: dict[tuple[str, Eui64], OrderLineState] = {}
            places: dict[int, Placing] = {}
            for tables in self._all_tables(newest):
                if tables_version(tables) >= PACKING_SINCE:
                    for placing in placings_of(tables, device):
                        places.setdefault(placing.sequence, placing)  # what a newer segment says of it counts
                attempts.update(attempt for (attempt,) in tables.execute(select, (str(device),)))
                for state in lines_of(tables, device):
                    lines.setdefault((state.order, state.line.device_id), state)
            where = "sequence = ?1 OR json_extract(body, '$.attempt') = ?1"
            events = self._rows(newest, where, sorted(attempts))
            return HubLife(
                tuple(sorted(lines.values(), key=lambda state: state.order)),
                tuple(sorted(events, key=_sequence)),
                tuple(places[sequence] for sequence in sorted(places)),
            )

    def waiting_messages(self, limit: int, after: Number = BEFORE_ALL) -> tuple[OutgoingMessage, ...]:
        """Return the first messages, behind this one, that are not known to be delivered."""
        with self._snapshot() as newest:
            return self._messages(newest, outbox.waiting(newest, limit, after))

    def waits_since(self) -> datetime | None:
        """Return when the fact was recorded that has waited longest to be delivered; None if none waits."""
        with self._snapshot() as newest:
            oldest = outbox.oldest_waiting(newest)
            rows = self._rows(newest, "sequence = ?1", [] if oldest is None else [oldest])
            return next((recorded.utc for recorded in rows), None)

    def messages(self, kind: str, first: int, last: int) -> tuple[OutgoingMessage, ...]:
        """Return the messages of a kind from one number to another, both included, as they are sent."""
        with self._snapshot() as newest:
            numbers = range(max(first, 1), min(last, outbox.last_number(newest, kind)) + 1)
            return self._messages(newest, [Number(kind, number) for number in numbers])

    def _messages(self, newest: sqlite3.Connection, wanted: Sequence[Number]) -> tuple[OutgoingMessage, ...]:
        """Return these messages, all of which there are."""
        topics = Topics(*newest.execute("SELECT site, station FROM station").fetchone())
        rows: dict[Number, OutboxRow] = {}
        for tables in self._all_tables(newest):
            missing = [number for number in wanted if number not in rows]
            if not missing:
                break
            rows |= outbox.rows_of(tables, missing)
        if missing := sorted(set(wanted) - rows.keys()):
            raise JournalCorrupt(self._path, f"{missing[0].kind} {missing[0].number} stands in no table")
        told = {row.sequence: row for row in rows.values()}
        outgoing = []
        for recorded in self._rows(newest, "sequence = ?1", list(told)):
            try:
                outgoing.append(
                    outgoing_message(
                        told[recorded.sequence], recorded, topics, _imported_file(newest, recorded.event)
                    )
                )
            except NotToBeTold as error:
                raise JournalCorrupt(self._path, str(error), recorded.sequence) from error
        return tuple(sorted(outgoing, key=lambda message: message.number))

    def _whole_history(
        self,
        newest: sqlite3.Connection,
        query: Callable[Concatenate[sqlite3.Connection, P], HubHistory],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> HubHistory:
        history = query(newest, *args, **kwargs)
        attempts = {attempt.attempt: attempt for attempt in history.attempts}
        for archive in self._archives(newest):
            for attempt in query(archive, *args, **kwargs).attempts:
                attempts.setdefault(attempt.attempt, attempt)  # what a newer segment says of it counts
        return replace(history, attempts=tuple(attempts[number] for number in sorted(attempts)))

    def _all_tables(
        self, newest: sqlite3.Connection, since: int = ARCHIVES_SINCE
    ) -> Iterator[sqlite3.Connection]:
        """Return the newest tables, then those of finished segments: see `_archives`."""
        yield newest
        yield from self._archives(newest, since)

    def _archives(
        self, newest: sqlite3.Connection, since: int = ARCHIVES_SINCE
    ) -> Iterator[sqlite3.Connection]:
        """Open the finished segments that may hold what later ones do not, newest first, one at a time."""
        names = newest.execute("SELECT name FROM segments ORDER BY last_sequence DESC").fetchall()
        for (name,) in names:
            with closing(open_for_reading(self._folder / name, finished=True)) as archive:
                if tables_version(archive) >= since:
                    yield archive

    def _rows(self, newest: sqlite3.Connection, where: str, keys: list[int]) -> Iterator[RecordedEvent]:
        """Read the rows that `where` finds for each key. None of them is older than the oldest key."""
        if not keys:
            return
        identities = identities_of(newest)
        finished = newest.execute(
            "SELECT name FROM segments WHERE last_sequence >= ? ORDER BY last_sequence", (min(keys),)
        ).fetchall()
        with ExitStack() as segments:
            sources = [
                (path, segments.enter_context(closing(open_for_reading(path, finished=True))))
                for path in (self._folder / name for (name,) in finished)
            ]
            for path, segment in (*sources, (self._path, newest)):
                for key in keys:
                    rows = segment.execute(f"{SELECT_ROWS} WHERE {where} ORDER BY sequence", (key,))
                    yield from read_rows(path, identities, rows)

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        if self._newest is not None and self._newest.in_transaction:
            yield self._newest  # one question of several: see `at_once`
            return
        with snapshot(self._open_newest(), self._path) as newest:
            yield newest

    def _open_newest(self) -> sqlite3.Connection:
        following = segment_path(self._folder, segment_number(self._path) + 1)
        if self._newest is None or is_there(following):
            self.close()
            self._path = (segment_paths(self._folder) or [self._path])[-1]
            self._newest = open_up_to_date(self._path)
        return self._newest


def _imported_file(tables: sqlite3.Connection, event: Event) -> ImportedFile | None:
    if not isinstance(event, OrderLinesAdded):
        return None
    as_imported = "SELECT hubs, sha256 FROM orders WHERE work_order = ?1"
    if tables_version(tables) >= REVISIONS_SINCE:
        first = "SELECT hubs, sha256 FROM order_revisions WHERE work_order = ?1 AND revision = 1"
        as_imported = f"{first} UNION ALL {as_imported} LIMIT 1"
    row = tables.execute(as_imported, (event.order,)).fetchone()
    return None if row is None else ImportedFile(*row)


def _sequence(recorded: RecordedEvent) -> int:
    return recorded.sequence
