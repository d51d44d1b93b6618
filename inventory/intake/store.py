"""Takes messages in, many in one transaction: what is known is dropped, the rest becomes rows, and what follows from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

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


def take(connection: Connection, events: Sequence[StationEvent], via: str, now: datetime) -> Taken:
    """Take in at most `AT_ONCE` messages. The caller's transaction lets nobody else do so meanwhile, and keeps what was found."""
    found: list[Finding] = []
    new = _unknown(connection, events, found)
    rows = _write_alone(connection, new, via, now)
    _number(connection, rows, now)
    told = [(row.message, fact) for row in rows if isinstance(fact := row.event.fact, ResultOfDevice)]
    if told:
        _write_results(connection, told)
        _write_hubs(connection, told, found)
        _judge(connection, told)
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
    by_id = {
        (row.source, row.event_id): (row.chain_head, row.kind, row.number)
        for row in connection.execute(
            select(known.source, known.event_id, known.chain_head, known.kind, known.number).where(
                known.event_id.in_({each.event_id for each in events})
            )
        )
    }
    by_number = {
        (row.source, row.kind, row.journal, row.number): row.event_id
        for key, numbers in _numbers(events).items()
        for row in connection.execute(
            select(known.source, known.kind, known.journal, known.number, known.event_id).where(
                known.source == key[0],
                known.kind == key[1],
                known.journal == key[2],
                known.number.in_(numbers),
            )
        )
    }
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
    for key, numbers in _numbers(row.event for row in rows).items():
        at = dict(zip(("source", "kind", "journal"), key, strict=True))
        here = and_(*(counts.c[name] == value for name, value in at.items()))
        span = connection.execute(select(counts.c.lowest, counts.c.highest).where(here)).first()
        in_order = sorted(numbers)
        gaps_here = and_(*(gaps.c[name] == value for name, value in at.items()))
        before = {
            Gap(*row)
            for row in connection.execute(
                select(gaps.c.first, gaps.c.last, gaps.c.since).where(
                    gaps_here, gaps.c.first <= in_order[-1], gaps.c.last >= in_order[0]
                )
            )
        }
        lowest, highest = span or (in_order[0], in_order[0])
        numbering = Numbering(lowest, highest, list(before))
        for number in in_order:
            numbering.take(number, now)
        after = set(numbering.gaps)
        if gone := [gap.first for gap in before - after]:
            connection.execute(delete(gaps).where(gaps_here, gaps.c.first.in_(gone)))
        if come := [{**at, **gap._asdict()} for gap in after - before]:
            connection.execute(insert(gaps), come)
        ends = {"lowest": numbering.lowest, "highest": numbering.highest}
        if span is None:
            connection.execute(insert(counts).values(**at, **ends))
        elif tuple(span) != tuple(ends.values()):
            connection.execute(update(counts).where(here).values(**ends))


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


def _write_hubs(connection: Connection, told: _Told, found: list[Finding]) -> None:
    """Bring the hubs up to date but for their version; ids that contradict what is known are found, not taken."""
    named = [(message, result) for message, result in told if result.device is not None]
    devices = {str(result.device) for _, result in named}
    gpfs = {str(result.gpf) for _, result in named if result.gpf is not None}
    rows = connection.execute(select(hubs).where(or_(hubs.c.device.in_(devices), hubs.c.gpf.in_(gpfs))))
    known: dict[str, dict[str, Any]] = {row.device: dict(row._mapping) for row in rows}  # noqa: SLF001 - its public name
    before = {device: dict(values) for device, values in known.items()}
    whose = {values["gpf"]: device for device, values in known.items() if values["gpf"] is not None}
    for _, result in named:
        device, gpf = str(result.device), _text(result.gpf)
        hub = known.setdefault(device, {"device": device, "gpf": None})
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
    _upsert_hubs(connection, known, before)


def _upsert_hubs(
    connection: Connection, known: Mapping[str, Mapping[str, Any]], before: Mapping[str, Mapping[str, Any]]
) -> None:
    columns = ("gpf", *_OF_HUB)
    if new := [
        {name: values.get(name) for name in ("device", *columns)}
        for device, values in known.items()
        if device not in before
    ]:
        connection.execute(insert(hubs), new)
    if changed := [
        {"of": device, **{name: known[device].get(name) for name in columns}}
        for device in before
        if known[device] != before[device]
    ]:
        connection.execute(update(hubs).where(hubs.c.device == bindparam("of")), changed)


def _judge(connection: Connection, told: _Told) -> None:
    """Say anew of the hubs that were told of: what each said last, and which result counts for its order."""
    devices = {str(result.device) for _, result in told if result.device is not None}
    if not devices:
        return
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
    said = [
        {"of": device, "firmware": last.firmware_read_back, "firmware_message": last.message}
        for device, all_told in by_device.items()
        if (last := standing.said_last(all_told)) is not None
    ]
    if said:
        connection.execute(update(hubs).where(hubs.c.device == bindparam("of")), said)
    touched = {
        (result.work_order, str(result.device))
        for _, result in told
        if result.work_order is not None and result.device is not None
    }
    _write_standings(connection, {key: standing.counts(by_order[key]) for key in touched})


def _write_standings(connection: Connection, counting: Mapping[tuple[str, str], standing.Told]) -> None:
    if not counting:
        return
    devices = {device for _, device in counting}
    orders = {order for order, _ in counting}
    there = {
        (row.work_order, row.device)
        for row in connection.execute(
            select(standings.c.work_order, standings.c.device).where(
                standings.c.work_order.in_(orders), standings.c.device.in_(devices)
            )
        )
    }
    values = [
        {"order": order, "of": device, "message": told.message, "outcome": told.outcome}
        for (order, device), told in counting.items()
    ]
    if changed := [each for each in values if (each["order"], each["of"]) in there]:
        connection.execute(
            update(standings).where(
                standings.c.work_order == bindparam("order"), standings.c.device == bindparam("of")
            ),
            changed,
        )
    if new := [
        {
            "work_order": each["order"],
            "device": each["of"],
            "message": each["message"],
            "outcome": each["outcome"],
        }
        for each in values
        if (each["order"], each["of"]) not in there
    ]:
        connection.execute(insert(standings), new)


def _text(value: object | None) -> str | None:
    return None if value is None else str(value)
