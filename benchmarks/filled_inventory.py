"""A year of hubs in an inventory's database: twelve months of orders of 4,992, each received, passed, packed, sent back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, insert, text

from inventory.database.delivery_tables import delivered, deliveries
from inventory.database.engine import Database
from inventory.database.packing_tables import cartons, hub_places
from inventory.database.redelivery_tables import addresses, dispatched, dispatches
from inventory.database.tables import (
    asset_records,
    hubs,
    messages,
    order_facts,
    request_hubs,
    requests,
    results,
    standings,
)
from inventory.database.upstream_tables import pre_notifications

_ORDER = 4992
_CARTON = 16
_BEGIN = datetime(2025, 1, 2, 8, tzinfo=UTC)
_SOURCE, _JOURNAL = "/reflash/site-1/bench-1", "0b8f8b52-6f0c-4f0a-9d5e-000000000001"


def fill_a_year(database: Database, total: int) -> int:
    """Fill the database; return how many orders there are."""
    orders = -(-total // _ORDER)
    for number in range(orders):
        first, last = number * _ORDER, min(total, (number + 1) * _ORDER)
        moment = _BEGIN + timedelta(days=364) * number / orders
        with database.write() as connection:
            _fill(connection, 1 + number, first, last, moment)
    if not database.is_sqlite:
        with database.write() as connection:
            connection.execute(text("ANALYZE"))
    return orders


def id_of(prefix: int, hub: int) -> str:
    """Return an id of one of these hubs, counted from 0: with prefix 0 its CHF's, with 1 its GPF's."""
    text = f"{(0x88738400 + prefix) << 32 | hub:016X}"
    return "-".join(text[at : at + 2] for at in range(0, 16, 2))


def _fill(connection: Connection, order: int, first: int, last: int, moment: datetime) -> None:
    """Write all that an order of these hubs leaves behind."""
    work_order, numbers = f"WO-{order:04}", range(first, last)
    finished = [moment + timedelta(minutes=number - first) / 10 for number in numbers]
    model: dict[str, Any] = {"manufacturer": "10A8", "model": "00000011", "han_variant": "DBCH"}
    told_by = {"source": _SOURCE, "journal": _JOURNAL, "told": moment, "current": True}
    fill = _Filling(connection)
    fill(
        requests,
        [
            {
                "id": order,
                "party": f"PARTY-{order % 3}",
                "file": "f.csv",
                "file_sha256": f"{order:064}",
                "extract": "e.csv",
                "extract_sha256": "0" * 64,
                "received": moment,
                "received_by": "A",
                "state": "authorised",
                "work_order": work_order,
                "purchase_order": "PO",
                "decided": moment,
                "decided_by": "A",
                "order_sha256": "0" * 64,
            }
        ],
    )
    fill(
        request_hubs,
        (
            {
                "request": order,
                "line": 1 + number - first,
                "ids": "",
                "chf": id_of(0, number),
                "gpf": id_of(1, number),
                "firmware": "0001012F",
                "status": "Pending",
                "region": "Central",
                "owner": f"PARTY-{order % 3}",
                "authorised": moment,
                "taken": moment,
                "chts_version": "CHTS V1.4",
                **model,
            }
            for number in numbers
        ),
    )
    fill(
        messages,
        (
            {
                "id": 1 + number,
                "event_id": f"{_JOURNAL}:{1 + number}",
                "kind": "result",
                "source": _SOURCE,
                "journal": _JOURNAL,
                "number": 1 + number,
                "chain_head": "0" * 64,
                "told": at,
                "received": at,
                "via": "mqtt",
                "data": {"message": "x" * 1200},
            }
            for number, at in zip(numbers, finished, strict=True)
        ),
    )
    fill(
        results,
        (
            {
                "message": 1 + number,
                "work_order": work_order,
                "device": id_of(0, number),
                "attempt": 1,
                "gpf": id_of(1, number),
                "outcome": "passed" if number % 50 else "failed",
                "finished": at,
                "firmware_read_back": "0002012F",
            }
            for number, at in zip(numbers, finished, strict=True)
        ),
    )
    fill(
        hubs,
        (
            {
                "device": id_of(0, number),
                "gpf": id_of(1, number),
                "firmware": "0002012F",
                "firmware_message": 1 + number,
                **model,
            }
            for number in numbers
        ),
    )
    fill(
        standings,
        (
            {
                "work_order": work_order,
                "device": id_of(0, number),
                "message": 1 + number,
                "outcome": "passed" if number % 50 else "failed",
            }
            for number in numbers
        ),
    )
    fill(
        asset_records,
        (
            {
                "message": 1 + number,
                "device": id_of(prefix, number),
                "role": role,
                "firmware": "0002012F",
                "finished": at,
            }
            for number, at in zip(numbers, finished, strict=True)
            for prefix, role in ((0, "CHF"), (1, "GPF"))
        ),
    )
    fill(order_facts, [{"message": 1 + first, "work_order": work_order, "what": "closed"}])
    fill(
        deliveries,
        [{"id": order, "request": order, "delivery_note": "DN", "received": moment, "received_by": "A"}],
    )
    fill(
        delivered,
        ({"delivery": order, "hub": id_of(0, number), "carton": f"C{number // 16}"} for number in numbers),
    )
    fill(
        cartons,
        (
            {
                "carton": f"CTN{number // _CARTON:08}",
                "number": number + 1,
                "message": 1 + number,
                "work_order": work_order,
                "state": "closed",
                "hubs": _CARTON,
                "capacity": _CARTON,
                **told_by,
            }
            for number in range(first, last, _CARTON)
        ),
    )
    fill(
        hub_places,
        (
            {
                "hub": id_of(0, number),
                "number": number + 1,
                "message": 1 + number,
                "place": "carton",
                "carton": f"CTN{number // _CARTON:08}",
                "work_order": work_order,
                **told_by,
            }
            for number in numbers
        ),
    )
    fill(
        pre_notifications,
        (
            {
                "notification_id": id_of(2, number),
                "csp": "central-and-south",
                "work_order": work_order,
                "device": id_of(0, number),
                "firmware": "0002012F",
                "message": 1 + number,
                "document": "x" * 1500,
                "state": "accepted" if number % 99 else "refused",
                "doubtful": False,
                "tries": 1,
                "due": at,
                "made": at,
                "decided": at,
            }
            for number, at in zip(numbers, finished, strict=True)
            if number % 50
        ),
    )
    fill(
        addresses,
        [{"request": order, "address": "Dock 4", "reason": "mail", "recorded": moment, "recorded_by": "A"}],
    )
    fill(
        dispatches,
        [
            {
                "id": order,
                "request": order,
                "address": "Dock 4",
                "carrier_note": "c",
                "transport_pence": 12050,
                "dispatched": finished[-1],
                "dispatched_by": "A",
            }
        ],
    )
    fill(
        dispatched,
        (
            {"dispatch": order, "hub": id_of(0, number), "fate": "delivered"}
            for number in numbers
            if number % 50
        ),
    )


class _Filling:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, table: Table, rows: Any) -> None:
        self._connection.execute(insert(table), list(rows))
