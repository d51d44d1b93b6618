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
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
from sqlalchemy import Connection, text

from benchmarks.filled_inventory import fill_a_year, id_of
from benchmarks.inventory import measured_database
from firmware_catalog.identity import Eui64
from inventory.assets import asset
from inventory.charge.settings import ChargeSettings, PriceSettings
from inventory.charge.statement import write
from inventory.database.engine import Database
from inventory.database.upgrade import upgrade
from inventory.moments import system_clock
from inventory.overview import lines_of, overview
from inventory.pages import people
from inventory.pages.program import pages_app
from inventory.requests.book import every
from station.web.address import Address

_PRICES = ChargeSettings(
    prices=(PriceSettings.model_validate({"first_day": "2025-01-01", "pounds": "7.60"}),)
)


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
        orders = fill_a_year(database, total)
        filled = round(time.monotonic() - begin, 1)

        def a_hub(connection: Connection) -> None:
            either_id = Eui64.parse(id_of(chance.randrange(2), chance.randrange(total)))
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
                    "hub": lambda: f"/hubs/{id_of(chance.randrange(2), chance.randrange(total))}",
                    "hub_by_last_digits": lambda: f"/hubs?find={id_of(0, chance.randrange(total))[-8:]}",
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
