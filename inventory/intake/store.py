"""Takes messages in, many in one transaction: what is known is dropped, the rest becomes rows, and what follows from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, or_, select

from inventory.database.tables import (
    asset_records,
    counts,
    gaps,
    hubs,
    messages,
    order_facts,
    results,
    standings,
)
from inventory.database.upserting import upsert
from inventory.intake import packing, standing, whose_order
from inventory.intake.event import StationEvent
from inventory.intake.findings import Finding
from inventory.intake.numbering import Gap, Numbering
from station.messages.order_fact import OrderFact
from station.messages.packing_fact import PackingFact
from station.messages.result import ResultOfDevice

AT_ONCE: Final = 500
"""Messages in one transaction, at most: each is named in a few questions to the database."""


class Taken(NamedTuple):
    """What became of messages that were taken in."""

    new: int
    known: int
    """Had come before."""
    found: list[Finding]
    """What a person has to look into, new or from before."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A message that is new, by its row."""

    message: int
    event: StationEvent


_JournalKey = tuple[str, str, str]
"""Source, kind, and the journal's identity."""
_JOURNAL_KEY: Final = ("source", "kind", "journal")


def take(connection: Connection, events: Sequence[StationEvent], via: str, now: datetime) -> Taken:
    """Take in at most `AT_ONCE` messages. The caller's transaction lets nobody else do so meanwhile, and keeps what was found."""
    found: list[Finding] = []
    new = _unknown(connection, events, found)
    rows = _write_alone(connection, new, via, now)
    _number(connection, rows, now)
    told = [(row.message, fact) for row in rows if isinstance(fact := row.event.fact, ResultOfDevice)]
    if told:
        _write_results(connection, told)
        _write_what_follows(connection, told, found)
    if facts := [(row.message, fact) for row in rows if isinstance(fact := row.event.fact, OrderFact)]:
        values = [
            {
                "message": message,
                "work_order": fact.work_order,
                "what": fact.what,
                "reason": fact.reason,
                "file_sha256": fact.file_sha256,
            }
            for message, fact in facts
        ]
        connection.execute(insert(order_facts), values)
    of_orders = {
        (fact.work_order, row.event.source)
        for row in rows
        if isinstance(fact := row.event.fact, OrderFact | ResultOfDevice) and fact.work_order is not None
    }
    found += whose_order.at_two_stations(connection, of_orders)
    packed = [
        (row.message, row.event, fact) for row in rows if isinstance(fact := row.event.fact, PackingFact)
    ]
    packing.take_over(connection, packed)
    return Taken(len(rows), len(events) - len(rows), found)


def _unknown(
    connection: Connection, events: Sequence[StationEvent], found: list[Finding]
) -> list[StationEvent]:
    """Return the messages that had not come yet, each once; one that contradicts another is found, not taken."""
    known = messages.c
    by_id, by_number = {}, {}
    if events:
        rows = connection.execute(
            select(
                known.source, known.event_id, known.chain_head, known.kind, known.journal, known.number
            ).where(or_(*_under_these_ids(events), *_at(messages, _numbers(events))))
        )
        for row in rows:
            by_id[row.source, row.event_id] = row.chain_head, row.kind, row.number
            by_number[row.source, row.kind, row.journal, row.number] = row.event_id
    new = []
    for event in events:
        name = f"{event.kind} {event.number} of {event.source}"
        one = (event.source, event.event_id)
        place = (event.source, event.kind, event.journal, event.number)
        says = (event.chain_head, event.kind, event.number)
        if one in by_id:
            if by_id[one] != says:
                found.append(_contradiction(event, f"{name} came before with another number or chain head"))
        elif place in by_number:
            found.append(_contradiction(event, f"{name} came before as {by_number[place]}"))
        else:
            by_id[one] = says
            by_number[place] = event.event_id
            new.append(event)
    return new


def _under_these_ids(events: Sequence[StationEvent]) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that ask by an index: an id is a source's."""
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for event in events:
        ids[event.source].add(event.event_id)
    for source, of_source in ids.items():
        yield and_(messages.c.source == source, messages.c.event_id.in_(of_source))


def _at(table: Table, numbers: Mapping[_JournalKey, Collection[int]]) -> Iterator[ColumnElement[bool]]:
    for key, of_journal in numbers.items():
        yield and_(_of_journal(table, key), table.c.number.in_(of_journal))


def _of_journal(table: Table, key: _JournalKey) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in zip(_JOURNAL_KEY, key, strict=True)))


def _contradiction(event: StationEvent, what: str) -> Finding:
    line = (
        f"{what}, now as {event.event_id} with chain head {event.chain_head}; the first one stands: "
        "compare the station's journal (reflash journal verify)"
    )
    return Finding("contradicting_message", line)


def _numbers(events: Iterable[StationEvent]) -> Mapping[_JournalKey, set[int]]:
    numbers: defaultdict[_JournalKey, set[int]] = defaultdict(set)
    for event in events:
        numbers[event.source, event.kind, event.journal].add(event.number)
    return numbers


def _write_alone(
    connection: Connection, events: Sequence[StationEvent], via: str, now: datetime
) -> list[_Row]:
    if not events:
        return []
    values = [
        {
            "source": event.source,
            "event_id": event.event_id,
            "kind": event.kind,
            "journal": event.journal,
            "number": event.number,
            "chain_head": event.chain_head,
            "told": event.told,
            "received": now,
            "via": via,
            "data": event.data,
        }
        for event in events
    ]
    ids = connection.scalars(
        insert(messages).returning(messages.c.id, sort_by_parameter_order=True), values
    ).all()
    return [_Row(message, event) for message, event in zip(ids, events, strict=True)]


def _number(connection: Connection, rows: Sequence[_Row], now: datetime) -> None:
    """Count the new numbers, and keep book of those that are missing."""
    numbers = {key: sorted(of_journal) for key, of_journal in _numbers(row.event for row in rows).items()}
    if not numbers:
        return
    counted = select(counts).where(or_(*(_of_journal(counts, key) for key in numbers)))
    spans = {
        (source, kind, journal): (lowest, highest)
        for source, kind, journal, lowest, highest in connection.execute(counted)
    }
    before: defaultdict[_JournalKey, set[Gap]] = defaultdict(set)
    touched = (
        and_(_of_journal(gaps, key), gaps.c.first <= come[-1], gaps.c.last >= come[0])
        for key, come in numbers.items()
    )
    for source, kind, journal, *gap in connection.execute(select(gaps).where(or_(*touched))):
        before[source, kind, journal].add(Gap(*gap))
    ends, gone, new = [], [], list[dict[str, Any]]()
    for key, come in numbers.items():
        at = dict(zip(_JOURNAL_KEY, key, strict=True))
        numbering = Numbering(*spans.get(key, (come[0], come[0])), list(before[key]))
        for number in come:
            numbering.take(number, now)
        after = set(numbering.gaps)
        if first := [gap.first for gap in before[key] - after]:
            gone.append(and_(_of_journal(gaps, key), gaps.c.first.in_(first)))
        new += [{**at, **gap._asdict()} for gap in after - before[key]]
        if spans.get(key) != (numbering.lowest, numbering.highest):
            ends.append({**at, "lowest": numbering.lowest, "highest": numbering.highest})
    if gone:
        connection.execute(delete(gaps).where(or_(*gone)))
    if new:
        connection.execute(insert(gaps), new)
    upsert(connection, counts, ends)


_Told = Sequence[tuple[int, ResultOfDevice]]
"""Results, each with its message's row."""


def _write_results(connection: Connection, told: _Told) -> None:
    rows = [
        {
            "message": message,
            "work_order": result.work_order,
            "device": _text(result.device),
            "gpf": _text(result.gpf),
            "scanned": _text(result.scanned_id),
            "scanned_role": result.scanned_role,
            "attempt": result.attempt,
            "outcome": result.outcome.value,
            "code": result.code,
            "disposition": result.disposition,
            "firmware_read_back": _text(result.firmware_read_back),
            "finished": result.finished,
        }
        for message, result in told
    ]
    connection.execute(insert(results), rows)
    history = [
        {
            "message": message,
            "device": str(device),
            "role": role,
            "firmware": str(result.firmware_read_back),
            "finished": result.finished,
        }
        for message, result in told
        if result.firmware_read_back is not None
        for device, role in ((result.device, "CHF" if result.gpf else "device"), (result.gpf, "GPF"))
        if device is not None
    ]
    if history:
        connection.execute(insert(asset_records), history)


_OF_HUB: Final[Mapping[str, Callable[[ResultOfDevice], str | None]]] = {
    "manufacturer": lambda result: result.manufacturer,
    "model": lambda result: result.model,
    "hardware_version": lambda result: result.hardware_version,
    "region": lambda result: result.region,
    "han_variant": lambda result: result.han_variant,
    "owner": lambda result: result.owner,
    "chts_version": lambda result: result.chts_version,
}
"""What a result says of its hub, by column. What it does not say, another has perhaps said before."""


def _write_what_follows(connection: Connection, told: _Told, found: list[Finding]) -> None:
    """Bring the hubs that were told of up to date, and say anew which of their results counts for its order."""
    named = [(message, result) for message, result in told if result.device is not None]
    if not named:
        return
    before = _known_hubs(connection, named)
    known = {device: dict(values) for device, values in before.items()}
    _describe(named, known, found)
    by_device, by_order = _every_result(connection, {str(result.device) for _, result in named})
    for device, all_told in by_device.items():
        if (last := standing.said_last(all_told)) is not None:
            known[device] |= {"firmware": last.firmware_read_back, "firmware_message": last.message}
    upsert(connection, hubs, [values for device, values in known.items() if values != before.get(device)])
    touched = {
        (result.work_order, str(result.device)) for _, result in named if result.work_order is not None
    }
    counting = {key: standing.counts(by_order[key]) for key in touched}
    rows = [
        {"work_order": order, "device": device, "message": told.message, "outcome": told.outcome}
        for (order, device), told in counting.items()
    ]
    upsert(connection, standings, rows)


_Hubs = dict[str, dict[str, Any]]
"""All that is kept of each hub, by its first id."""
_HUB_COLUMNS: Final = ("device", "gpf", *_OF_HUB, "firmware", "firmware_message")


def _known_hubs(connection: Connection, named: _Told) -> _Hubs:
    devices = {str(result.device) for _, result in named}
    gpfs = {str(result.gpf) for _, result in named if result.gpf is not None}
    columns = (hubs.c[name] for name in _HUB_COLUMNS)
    rows = connection.execute(select(*columns).where(or_(hubs.c.device.in_(devices), hubs.c.gpf.in_(gpfs))))
    return {row.device: dict(row._mapping) for row in rows}  # noqa: SLF001 - its public name


def _describe(named: _Told, known: _Hubs, found: list[Finding]) -> None:
    """Put down what results say of their hubs but for the version; ids that contradict what is known are found, not taken."""
    whose = {values["gpf"]: device for device, values in known.items() if values["gpf"] is not None}
    for _, result in named:
        device, gpf = str(result.device), _text(result.gpf)
        hub = known.setdefault(device, {**dict.fromkeys(_HUB_COLUMNS), "device": device})
        if gpf is not None and (hub["gpf"] not in (None, gpf) or whose.get(gpf, device) != device):
            other = hub["gpf"] or f"that of {whose[gpf]}"
            line = (
                f"hub {device} says that its GPF is {gpf}; known was {other}: "
                "read both labels, and have the maker say which is right"
            )
            found.append(Finding("contradicting_ids", line))
        elif gpf is not None:
            hub["gpf"] = gpf
            whose[gpf] = device
        hub |= {name: said for name, read in _OF_HUB.items() if (said := read(result)) is not None}


def _every_result(
    connection: Connection, devices: Collection[str]
) -> tuple[Mapping[str, Sequence[standing.Told]], Mapping[tuple[str, str], Sequence[standing.Told]]]:
    """Return all results of these hubs: each one's, and each one's for each order."""
    by_device: defaultdict[str, list[standing.Told]] = defaultdict(list)
    by_order: defaultdict[tuple[str, str], list[standing.Told]] = defaultdict(list)
    columns = (results.c.finished, results.c.attempt, results.c.outcome, results.c.firmware_read_back)
    every = (
        select(
            results.c.device,
            results.c.work_order,
            messages.c.id,
            messages.c.source,
            messages.c.journal,
            messages.c.number,
            *columns,
        )
        .join(messages, messages.c.id == results.c.message)
        .where(results.c.device.in_(devices))
    )
    for device, order, *rest in connection.execute(every):
        one = standing.Told(*rest)
        by_device[device].append(one)
        if order is not None:
            by_order[order, device].append(one)
    return by_device, by_order


def _text(value: object | None) -> str | None:
    return None if value is None else str(value)
