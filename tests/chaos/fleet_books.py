"""Holds every station's journal and the inventory's database against each other, result by result and hub by hub."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleet_recording import events_of
from sqlalchemy import select

from inventory.database.engine import Database
from inventory.database.tables import asset_records, hubs, messages, results, standings
from station.domain.outcome import SUCCESSES, Outcome
from station.messages.order_fact import ORDER_FACT
from station.messages.result import RESULT
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptClosed
from station.records.reader import JournalReader

COUNTS = ("lost", "doubled", "wrong")
"""What must be none: a message or record that is in no book of the inventory, one that is there twice or that no station has, one
that says something else than the station's journal."""


@dataclass
class FleetBooks:
    """One comparison, made when no station and no inventory runs any more."""

    journals: Mapping[str, Path]
    """By what each station calls itself."""
    database: Database
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    hubs: int = 0

    @property
    def lines(self) -> list[str]:
        """Everything that does not agree, each line with its kind."""
        return [f"{kind}: {line}" for kind in COUNTS for line in getattr(self, kind)]

    def compare(self) -> None:
        """Compare all."""
        told: dict[str, RecordedEvent] = {}
        for source, journal in self.journals.items():
            of_station = {
                each.id: each for each in events_of(journal) if isinstance(each.event, AttemptClosed)
            }
            self._compare_results(source, of_station)
            self._compare_order_facts(source, journal)
            told |= of_station
        self.outcomes = Counter(closed(each).outcome for each in told.values())
        self._compare_records(told)
        self._compare_hubs(told)

    def _compare_results(self, source: str, told: Mapping[str, RecordedEvent]) -> None:
        columns = (
            messages.c.event_id,
            messages.c.chain_head,
            results.c.work_order,
            results.c.device,
            results.c.gpf,
            results.c.attempt,
            results.c.outcome,
            results.c.firmware_read_back,
        )
        with self.database.read() as connection:
            rows = connection.execute(
                select(*columns)
                .join(results, results.c.message == messages.c.id)
                .where(messages.c.source == source, messages.c.kind == RESULT.kind)
            ).all()
        came = Counter(row[0] for row in rows)
        self._count(f"result of {source}", Counter(told.keys()), came)
        for event_id, head, *said in rows:
            if event_id in told:
                event = closed(told[event_id])
                right = [
                    event.order,
                    _text(event.chf),
                    _text(event.gpf),
                    event.number,
                    event.outcome,
                    _text(event.firmware_read_back),
                ]
                if said != right or head != told[event_id].hash.hex():
                    self.wrong.append(
                        f"result {event_id} of {source} is kept as {said}, the journal has {right}"
                    )

    def _compare_order_facts(self, source: str, journal: Path) -> None:
        with JournalReader(journal) as reader:
            told = [json.loads(each.payload)["id"] for each in reader.messages(ORDER_FACT.kind, 1, 1 << 62)]
        with self.database.read() as connection:
            came = connection.scalars(
                select(messages.c.event_id).where(
                    messages.c.source == source, messages.c.kind == ORDER_FACT.kind
                )
            ).all()
        self._count(f"fact of an order of {source}", Counter(told), Counter(came))

    def _compare_records(self, told: Mapping[str, RecordedEvent]) -> None:
        right = Counter(
            (event_id, str(device), role, str(event.firmware_read_back))
            for event_id, recorded in told.items()
            if (event := closed(recorded)).firmware_read_back is not None
            for device, role in ((event.chf, "CHF"), (event.gpf, "GPF"))
        )
        with self.database.read() as connection:
            kept = Counter(
                tuple(row)
                for row in connection.execute(
                    select(
                        messages.c.event_id,
                        asset_records.c.device,
                        asset_records.c.role,
                        asset_records.c.firmware,
                    ).join(messages, messages.c.id == asset_records.c.message)
                )
            )
        self._count("asset record", right, kept)

    def _compare_hubs(self, told: Mapping[str, RecordedEvent]) -> None:
        """Hold each hub's version, and which result counts for its order, against all that its stations have of it."""
        of_hub: defaultdict[str, list[AttemptClosed]] = defaultdict(list)
        of_order: defaultdict[tuple[str, str], list[AttemptClosed]] = defaultdict(list)
        for recorded in told.values():
            event = closed(recorded)
            of_hub[str(event.chf)].append(event)
            if event.order is not None:
                of_order[event.order, str(event.chf)].append(event)
        self.hubs = len(of_hub)
        with self.database.read() as connection:
            versions = {
                row.device: row.firmware for row in connection.execute(select(hubs.c.device, hubs.c.firmware))
            }
            counting = {
                (order, device): outcome
                for order, device, outcome in connection.execute(
                    select(standings.c.work_order, standings.c.device, standings.c.outcome)
                )
            }
        for device, events in of_hub.items():
            said = [each.firmware_read_back for each in events if each.firmware_read_back is not None]
            self._same(f"hub {device} runs", _text(said[-1] if said else None), versions.get(device))
        for key, events in of_order.items():
            self._same(f"hub {key[1]} of order {key[0]} counts as", _counts(events), counting.get(key))
        self.doubled += [f"hub {device} is no station's" for device in versions.keys() - of_hub.keys()]

    def _count(self, what: str, right: Counter[object], kept: Counter[object]) -> None:
        self.lost += [f"{what} {each}" for each in (right - kept)]
        self.doubled += [f"{what} {each}" for each in (kept - right)]

    def _same(self, what: str, right: str | None, kept: str | None) -> None:
        if right != kept:
            self.wrong.append(f"{what} {kept}, the journal has {right}")


def closed(recorded: RecordedEvent) -> AttemptClosed:
    """Return what the row tells, which has to be a result."""
    assert isinstance(recorded.event, AttemptClosed)
    return recorded.event


def _counts(events: Sequence[AttemptClosed]) -> Outcome:
    """A success stands, else the last attempt (docs/results.md)."""
    succeeded = [each for each in events if each.outcome in SUCCESSES]
    return (succeeded or [max(events, key=lambda each: each.number)])[0].outcome


def _text(value: object | None) -> str | None:
    return None if value is None else str(value)
