"""Asset records: what is known of a hub, and by which message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from firmware_catalog.identity import Eui64
from inventory.database.tables import asset_records, hubs, messages, request_hubs, requests, results

_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """What one of the hub's devices said that it runs, and the evidence: the station's message and its journal's row."""

    device: str
    role: str
    firmware: str
    finished: datetime
    work_order: str | None
    outcome: str
    source: str
    event_id: str
    chain_head: str


@dataclass(frozen=True, slots=True)
class Asset:
    """A hub as it is known, and its history, oldest first."""

    hub: dict[str, Any]
    history: Sequence[Entry]


def bridges(connection: Connection) -> set[Eui64]:
    """Return the ids of all that named itself by one id, as no hub does, or is listed in a request for bridges that stands."""
    named = select(results.c.device).where(results.c.device.is_not(None), results.c.gpf.is_(None)).distinct()
    line = request_hubs.c
    listed = (
        select(line.chf)
        .join(requests, requests.c.id == line.request)
        .where(line.bridge_type.is_not(None), line.refused.is_(None), requests.c.state != "refused")
    )
    return {Eui64.parse(str(device)) for chosen in (named, listed) for device in connection.scalars(chosen)}


def hubs_among(connection: Connection, ids: Sequence[Eui64]) -> set[Eui64]:
    """Return which of these are a hub's, by either id: by what hubs said, or by an extract."""
    known, line = hubs.c, request_hubs.c
    found: set[Eui64] = set()
    for at in range(0, len(ids), _AT_ONCE):
        some = {str(each) for each in ids[at : at + _AT_ONCE]}
        for chosen in (
            select(known.device, known.gpf).where(
                known.gpf.is_not(None), or_(known.device.in_(some), known.gpf.in_(some))
            ),
            select(line.chf, line.gpf).where(
                line.gpf.is_not(None), or_(line.chf.in_(some), line.gpf.in_(some))
            ),
        ):
            found |= {Eui64.parse(each) for row in connection.execute(chosen) for each in row if each in some}
    return found


def asset(connection: Connection, either_id: Eui64) -> Asset | None:
    """Return a hub by its CHF's or GPF's id; None if nothing is known of it."""
    wanted = str(either_id)
    columns = [
        column for column in hubs.c if column is not hubs.c.firmware_message and column.computed is None
    ]
    row = connection.execute(
        select(*columns).where(or_(hubs.c.device == wanted, hubs.c.gpf == wanted))
    ).first()
    if row is None:
        return None
    devices = [each for each in (row.device, row.gpf) if each is not None]
    record, message, result = asset_records.c, messages.c, results.c
    history = connection.execute(
        select(
            *(record.device, record.role, record.firmware, record.finished),
            *(result.work_order, result.outcome, message.source, message.event_id, message.chain_head),
        )
        .join(messages, message.id == record.message)
        .join(results, result.message == record.message)
        .where(record.device.in_(devices))
        .order_by(record.finished, message.number, record.role)
    )
    return Asset(dict(row._mapping), [Entry(*each) for each in history])  # noqa: SLF001 - its public name
