"""How long the inventory takes over its questions with a year of hubs in it.

    python -m benchmarks.inventory_year --database sqlite --hubs 300000

Rows are written as they would stand after that year: twelve months of orders of 4,992 hubs, each received, passed, packed, sent back; all
but the last month charged. Each question is asked as the programs ask it, in a transaction of its own. The control is the database's
own answer to `SELECT 1`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, Table, insert, text

from benchmarks.inventory import measured_database
from firmware_catalog.identity import Eui64
from inventory.assets import asset
from inventory.charge.settings import ChargeSettings, PriceSettings
from inventory.charge.statement import write
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
from inventory.database.upgrade import upgrade
from inventory.database.upstream_tables import pre_notifications
from inventory.moments import system_clock
from inventory.overview import lines_of, overview
from inventory.pages import people
from inventory.pages.program import pages_app
from inventory.requests.book import every
from station.web.address import Address

_ORDER = 4992
_CARTON = 16
_BEGIN = datetime(2025, 1, 2, 8, tzinfo=UTC)
_SOURCE, _JOURNAL = "/reflash/site-1/bench-1", "0b8f8b52-6f0c-4f0a-9d5e-000000000001"
_PRICES = ChargeSettings(
    prices=(PriceSettings.model_validate({"first_day": "2025-01-01", "pounds": "7.60"}),)
)


def _id(prefix: int, hub: int) -> str:
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
                "chf": _id(0, number),
                "gpf": _id(1, number),
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
                "device": _id(0, number),
                "attempt": 1,
                "gpf": _id(1, number),
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
                "device": _id(0, number),
                "gpf": _id(1, number),
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
                "device": _id(0, number),
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
                "device": _id(prefix, number),
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
        ({"delivery": order, "hub": _id(0, number), "carton": f"C{number // 16}"} for number in numbers),
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
                "hub": _id(0, number),
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
                "notification_id": _id(2, number),
                "csp": "central-and-south",
                "work_order": work_order,
                "device": _id(0, number),
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
            {"dispatch": order, "hub": _id(0, number), "fate": "delivered"}
            for number in numbers
            if number % 50
        ),
    )


class _Filling:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, table: Table, rows: Any) -> None:
        self._connection.execute(insert(table), list(rows))


def _year(database: Database, total: int) -> int:
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


def _asked(database: Database, times: int, question: Callable[[Connection], object]) -> dict[str, float]:
    """Ask so often, and return the median and the longest, in milliseconds."""
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        with database.read() as connection:
            question(connection)
        took.append((time.perf_counter() - begin) * 1000)
    return {"median_ms": round(statistics.median(took), 2), "longest_ms": round(max(took), 2)}


async def _looked_at(database: Database, pages: Mapping[str, Callable[[], str]]) -> dict[str, object]:
    """Look at each page twenty times, as a browser does, and return how long it took."""
    clock = system_clock
    with database.write_alone() as connection:
        people.add(connection, "A", "look", by="A", now=clock())
        people.set_pin(connection, "A", "135797", by="A", now=clock())
    known = people.People(database, 10, clock)
    secret, _ = known.open_session(known.prove("A", "135797", None))
    app = pages_app(database, Address(host="127.0.0.1", port=8091), 10, None, None, clock)
    found: dict[str, object] = {}
    home = "http://127.0.0.1:8091"
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=home, cookies={"inventory": secret}
    ) as browser:
        for name, path in pages.items():
            took = []
            for _ in range(20):
                begin = time.perf_counter()
                answer = await browser.get(path(), follow_redirects=True)
                took.append((time.perf_counter() - begin) * 1000)
                if answer.status_code != 200:
                    raise LookupError(f"{path()}: {answer.text}")
            found[name] = {
                "median_ms": round(statistics.median(took), 2),
                "longest_ms": round(max(took), 2),
            }
    return found


def _charged(database: Database, month: date) -> float:
    """Charge all parties for a month; return the seconds of the slowest."""
    took = []
    for party in range(3):
        begin = time.perf_counter()
        with database.write_alone() as connection:
            after = datetime(2027, 1, 1, tzinfo=UTC)
            write(connection, f"PARTY-{party}", month, _PRICES, by="A", now=after)
        took.append(time.perf_counter() - begin)
    return round(max(took), 2)


def _measure(url: str, total: int) -> dict[str, object]:
    chance = random.Random(7)  # noqa: S311 - it only chooses
    with Database(url) as database:
        upgrade(database)
        begin = time.monotonic()
        orders = _year(database, total)
        filled = round(time.monotonic() - begin, 1)

        def a_hub(connection: Connection) -> None:
            either_id = Eui64.parse(_id(chance.randrange(2), chance.randrange(total)))
            if asset(connection, either_id) is None or not lines_of(connection, either_id):
                raise LookupError(str(either_id))

        row: dict[str, object] = {"hubs": total, "orders": orders, "filled_seconds": filled}
        row["select_1"] = _asked(database, 200, lambda connection: connection.execute(text("SELECT 1")).all())
        row["find_a_hub"] = _asked(database, 200, a_hub)
        row["page_of_an_order"] = _asked(
            database, 20, lambda connection: overview(connection, chance.randint(1, orders))
        )
        row["list_of_requests"] = _asked(database, 20, lambda connection: every(connection, 100))
        row["pages"] = asyncio.run(
            _looked_at(
                database,
                {
                    "requests": lambda: "/requests",
                    "request": lambda: f"/requests/RQ-{chance.randint(1, orders)}",
                    "orders": lambda: "/orders",
                    "order": lambda: f"/orders/RQ-{chance.randint(1, orders)}",
                    "deliveries": lambda: "/deliveries",
                    "upstream": lambda: "/upstream",
                    "letters": lambda: "/letters",
                    "hub": lambda: f"/hubs/{_id(chance.randrange(2), chance.randrange(total))}",
                    "hub_by_last_digits": lambda: f"/hubs?find={_id(0, chance.randrange(total))[-8:]}",
                },
            )
        )
        months = [date(2025, month, 1) for month in range(1, 13)]
        row["charge_of_a_month_seconds"] = max(_charged(database, month) for month in months)
    return row


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inventory_year")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--hubs", type=int, default=300_000)
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reflash-inventory-")))
        row = _measure(stack.enter_context(measured_database(chosen.database, folder)), chosen.hubs)
    print(json.dumps({"database": chosen.database, "processors": os.cpu_count(), **row}))


if __name__ == "__main__":
    main()
