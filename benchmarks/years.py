"""The row `journal years`: a journal after years of work beside one after a week, in one run.

Hubs come in orders of 5,000, of which the last is open; an attempt has four events, a segment 50,000 attempts. What
is compared: start, appends from 24 slots beside a bare group fsync, the longest wait while a new segment is begun, an
upgrade in place and one by replay, and bytes a hub.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks.journal import (
    SITE,
    STATION,
    appends_beside_bare,
    closed_attempt,
    ended,
    opened_attempt,
    p99_at_its_worst,
)
from benchmarks.report import Figures
from firmware_catalog.devices import gpf_of
from station.domain.hub_facts import HubFacts
from station.domain.order_line import OrderLine
from station.domain.outcome import Stage
from station.records.facts.attempts import StageStarted
from station.records.facts.events import Event
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderImported, OrderLinesAdded
from station.records.facts.outbox import MessagesAcknowledged
from station.records.journal import Journal
from station.records.segments import segment_paths
from station.records.upgrades import ADDITIONS
from station.throughput.lag import percentile

HUBS_OF_THE_WEEK: Final = 3_000
_HUBS_AN_ORDER: Final = 5_000
_HUBS_AN_APPEND: Final = 50
_SEGMENT_ROWS: Final = 200_000
_JIGS: Final = ("jig1", "jig2", "jig3")
_STARTS: Final = 5
_ROTATING_ROUNDS: Final = 8
"""The next segment is made in some hundred and fifty commits, of which a round has fifty."""


async def journal_years_row(hubs: int, hubs_of_the_week: int = HUBS_OF_THE_WEEK) -> Figures:
    """Measure a journal of a week's hubs and one of so many."""
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        week = await _measured(Path(name) / "week", hubs_of_the_week)
        years = await _measured(Path(name) / "years", hubs)
    starts = years["start_ms"] / week["start_ms"]
    still = [
        f"no segment was begun after {name}"
        for name, of in (("a week", week), ("years", years))
        if not of["rotations"]
    ]
    return {
        "row": "journal years",
        "hubs": hubs,
        "hubs_of_the_week": hubs_of_the_week,
        "hubs_an_order": _HUBS_AN_ORDER,
        **{f"week_{figure}": value for figure, value in week.items()},
        **{f"years_{figure}": value for figure, value in years.items()},
        "start_ratio": round(starts, 2),
        "rotation_ratio_to_worst_append_p99": years["rotation_ratio_to_worst_append_p99"],
        "valid": not still,
        "void_because": still,
    }


async def _measured(folder: Path, hubs: int) -> dict[str, float]:
    begun = time.monotonic()
    await fill_orders(folder, hubs)
    figures = {"fill_seconds": round(time.monotonic() - begun, 1)}
    size = sum(path.stat().st_size for path in segment_paths(folder))
    starts = [await _start(folder) for _ in range(_STARTS)]
    figures |= {"bytes_a_hub": round(size / hubs), "start_ms": round(1e3 * min(starts), 2)}
    durable, bare = await appends_beside_bare(folder, folder.with_name("bare"), 1 << 62)
    plain, worst = percentile(durable, 0.99), p99_at_its_worst(durable)
    before = len(segment_paths(folder))
    rows = _rows_of_newest(folder) + 500
    rotating, _ = await appends_beside_bare(folder, folder.with_name("bare"), rows, rounds=_ROTATING_ROUNDS)
    figures |= {
        "append_p99_ms": round(1e3 * plain, 2),
        "append_worst_p99_ms": round(1e3 * worst, 2),
        "append_worst_ms": round(1e3 * max(durable), 2),
        "append_ratio_to_bare_fsync": round(plain / percentile(bare, 0.99), 2),
        "rotations": len(segment_paths(folder)) - before,
        "longest_wait_at_rotation_ms": round(1e3 * max(rotating), 2),
        "rotation_ratio_to_worst_append_p99": round(max(rotating) / worst, 2),
    }
    newest = segment_paths(folder)[-1]
    figures["segments"] = len(segment_paths(folder))
    figures["newest_segment_kib"] = newest.stat().st_size // 1024
    for how, statements in _OLDER.items():
        older = folder.with_name("older")
        shutil.copytree(folder, older)
        with closing(sqlite3.connect(older / newest.name, isolation_level=None)) as segment:
            for statement in statements:
                segment.execute(statement)
        figures[f"upgrade_{how}_seconds"] = round(await _start(older), 2)
        shutil.rmtree(older)
    return figures


_OLDER: Final = {
    "in_place": (
        (
            "CREATE TABLE results (station_sequence INTEGER PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, hub TEXT,"
            " acknowledged INTEGER NOT NULL DEFAULT 0)"
        ),
        "INSERT INTO results SELECT number, sequence, ordering_key, acknowledged FROM outbox WHERE kind = 'result'",
        *(f"DROP TABLE {table}" for table in re.findall(r"CREATE TABLE (\w+)", ADDITIONS[4])),
        *(
            f"ALTER TABLE {table} DROP COLUMN {column}"
            for table, column in re.findall(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", ADDITIONS[4])
        ),
        "CREATE TABLE sent_again (station_sequence INTEGER PRIMARY KEY)",
        "PRAGMA user_version = 3",
    ),
    "by_replay": ("PRAGMA user_version = 1",),
}
"""What makes the tables an older program's."""


async def _start(folder: Path) -> float:
    begun = time.monotonic()
    async with Journal.open(folder, site=SITE, station=STATION, segment_rows=1 << 62) as journal:
        await journal.open_attempts()
        await journal.orders()
        return time.monotonic() - begun


def _rows_of_newest(folder: Path) -> int:
    with closing(sqlite3.connect(segment_paths(folder)[-1])) as segment:
        rows: tuple[int] = segment.execute("SELECT max(sequence) - min(sequence) FROM events").fetchone()
    return rows[0]


async def fill_orders(folder: Path, hubs: int) -> None:
    """Write so many hubs that passed, in orders of 5,000, of which the last is open."""
    async with Journal.open(folder, site=SITE, station=STATION, segment_rows=_SEGMENT_ROWS) as journal:
        for first in range(0, hubs, _HUBS_AN_ORDER):
            of_order = range(first, min(first + _HUBS_AN_ORDER, hubs))
            number = f"WO-{first // _HUBS_AN_ORDER + 1}"
            await journal.append(*_order(number, of_order))
            for start in range(of_order.start, of_order.stop, _HUBS_AN_APPEND):
                some = range(start, min(start + _HUBS_AN_APPEND, of_order.stop))
                opened = [opened_attempt(hub, number) for hub in some]
                recorded = await journal.append(*opened)
                events: list[Event] = []
                for event, row in zip(opened, recorded, strict=True):
                    attempt = row.sequence
                    events += (
                        StageStarted(attempt=attempt, stage=Stage.FLASH),
                        ended(attempt=attempt, stage=Stage.FLASH),
                        closed_attempt(event, attempt),
                    )
                sent = tuple(hub + 1 for hub in some)
                await journal.append(*events, MessagesAcknowledged(message="result", numbers=sent))
            if of_order.stop < hubs:
                await journal.append(OrderClosed(order=number, reason="done"))


def _order(number: str, hubs: range) -> list[Event]:
    lines = tuple(_line(hub) for hub in hubs)
    return [
        OrderImported(order=number, source=f"{number}.csv", sha256="00" * 32, hubs=len(lines)),
        *(OrderLinesAdded(order=number, lines=lines[at : at + 1000]) for at in range(0, len(lines), 1000)),
        *(OrderAssigned(order=number, jig=jig) for jig in _JIGS),
    ]


def _line(hub: int) -> OrderLine:
    facts = opened_attempt(hub, None).hub
    if facts is None:
        raise AssertionError("it has just been given")
    return OrderLine(
        chf=facts.device_id,
        gpf=gpf_of(facts.ids),
        manufacturer=facts.manufacturer,
        model=facts.model,
        region="Central",
        variant=facts.variant if isinstance(facts, HubFacts) else "",
        recorded_firmware=facts.firmware,
        inventory_status="Pending",
        owner="PARTY",
    )
