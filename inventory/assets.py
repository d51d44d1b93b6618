"""Asset records: what is known of a hub, and by which message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from firmware_catalog.identity import Eui64
from inventory.database.tables import asset_records, hubs, messages, results


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
    """Return the ids of all that named itself by one id, as no hub does."""
    named = select(results.c.device).where(results.c.device.is_not(None), results.c.gpf.is_(None)).distinct()
    return {Eui64.parse(str(device)) for device in connection.scalars(named)}


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
