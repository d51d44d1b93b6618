"""The row `desk`: what people wait for at the desk while 24 slots work, and what the slots notice of them.

Hubs of one order, all passed, are packed one scan after the other while the slots append at the pace of a busy bench;
meanwhile another process, as commands are, reconciles the order and finds hubs. The controls are the slots' own appends of
the same moments, and the loop's lag in rounds without all that, by turns.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks.busy_slots import SLOTS, Noticed, busy_round
from benchmarks.journal import SITE, STATION, ended, opened_attempt
from benchmarks.report import Figures
from benchmarks.years import fill_orders
from firmware_catalog.identity import Eui64
from station.desk.act import Entrance
from station.desk.desk import Desk
from station.desk.packing_desk import PackingDesk
from station.desk.packing_requests import OpenCarton, PackHub
from station.desk.rights import Role
from station.domain.outcome import Stage
from station.orders.reconcile import reconcile
from station.packing.settings import PackingSettings
from station.records.facts.attempts import StageStarted
from station.records.facts.history import open_attempts
from station.records.facts.order_revisions import withdrawn_of as withdrawn_lines
from station.records.facts.packed import cartons_of, placed_for
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.throughput.lag import percentile

DESK_REPEATS: Final = 4
DESK_SECONDS: Final = 3.0
"""Of each round."""
HUBS_AN_ORDER: Final = 5_000
_ORDER: Final = "WO-1"
_BETWEEN_SCANS: Final = 0.05
"""Quicker than any hand."""
_FINDS: Final = 50


@dataclass
class _Waited:
    scans: list[float] = field(default_factory=list)
    reconciles: list[float] = field(default_factory=list)
    finds: list[float] = field(default_factory=list)


async def desk_row(hubs: int, repeats: int, seconds: float) -> Figures:
    """Measure with an order of so many hubs, at most 5,000, in rounds of so many seconds."""
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        folder = Path(name) / "journal"
        await fill_orders(folder, hubs)
        without, beside, waited = Noticed(), Noticed(), _Waited()
        async with Journal.open(folder, site=SITE, station=STATION) as journal:
            desk = _Table(journal, iter(range(hubs)))
            opened = [opened_attempt(HUBS_AN_ORDER + slot) for slot in range(SLOTS)]
            attempts = [(await journal.append(each))[0].sequence for each in opened]

            async def tell(slot: int, _turn: int) -> None:
                attempt = attempts[slot]
                await journal.append(
                    StageStarted(attempt=attempt, stage=Stage.FLASH),
                    ended(attempt=attempt, stage=Stage.FLASH),
                )

            with ProcessPoolExecutor(1, get_context("spawn")) as commands:
                await asyncio.get_running_loop().run_in_executor(
                    commands, _ask, folder, hubs
                )  # it has started
                for _ in range(repeats):
                    await busy_round(tell, seconds, without)
                    asking = asyncio.get_running_loop().run_in_executor(commands, _ask, folder, hubs)
                    async with asyncio.TaskGroup() as group:
                        group.create_task(desk.pack(seconds, waited))
                        group.create_task(busy_round(tell, seconds, beside))
                    reconciles, finds = await asking
                    waited.reconciles.append(reconciles)
                    waited.finds += finds
    scan, append = percentile(waited.scans, 0.95), percentile(beside.appends, 0.95)
    lag = percentile(beside.late, 0.99), percentile(without.late, 0.99)
    return {
        "row": "desk",
        "slots": SLOTS,
        "hubs_an_order": hubs,
        "scans": len(waited.scans),
        "scan_p95_ms": round(1e3 * scan, 2),
        "append_p95_ms": round(1e3 * append, 2),
        "scan_ratio_to_append": round(scan / append, 2),
        "reconcile_seconds": round(max(waited.reconciles), 3),
        "find_p95_ms": round(1e3 * percentile(waited.finds, 0.95), 2),
        "lag_p99_ms": round(1e3 * lag[0], 2),
        "lag_p99_ms_without": round(1e3 * lag[1], 2),
        "lag_ratio_to_without": round(lag[0] / lag[1], 2),
        "valid": True,
        "void_because": [],
    }


class _Table:
    """Somebody who packs, one hub after the other."""

    def __init__(self, journal: Journal, hubs: Iterator[int]) -> None:
        packing = PackingDesk(journal, PackingSettings)
        self._desk = Desk(journal, _anybody, packing.handlers(), {})
        self._entrance = Entrance(Role.ACCOUNT, "terminal", operator=lambda: "op-1")
        self._hubs = hubs
        self._carton: str | None = None

    async def pack(self, seconds: float, waited: _Waited) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and (hub := next(self._hubs, None)) is not None:
            if self._carton is None:
                self._carton = (await self._desk.answer(OpenCarton(order=_ORDER), self._entrance)).carton
            begun = time.monotonic()
            put = await self._desk.answer(PackHub(id=_chf(hub), carton=self._carton), self._entrance)
            waited.scans.append(time.monotonic() - begun)
            if put.closed:
                self._carton = None
            await asyncio.sleep(_BETWEEN_SCANS)


async def _anybody(_: str) -> None:
    """Let everybody be named."""


def _chf(hub: int) -> Eui64:
    facts = opened_attempt(hub).hub
    if facts is None:
        raise AssertionError("it has just been given")
    return facts.device_id


def _ask(folder: Path, hubs: int) -> tuple[float, list[float]]:
    """Return the seconds that the order's reconciling took, and each finding of a hub; in a process of its own."""
    begun = time.monotonic()
    with JournalReader(folder) as journal:
        reconcile(
            _ORDER,
            journal.order_lines(_ORDER),
            journal.ask(open_attempts),
            journal.of_order(_ORDER, placed_for, _ORDER),
            journal.of_order(_ORDER, cartons_of, _ORDER),
            journal.of_order(_ORDER, withdrawn_lines, _ORDER),
        )
    reconciled = time.monotonic() - begun
    finds = []
    for number in range(_FINDS):
        begun = time.monotonic()
        with JournalReader(folder) as journal:
            journal.life_of(_chf(number * hubs // _FINDS))
        finds.append(time.monotonic() - begun)
    return reconciled, finds
