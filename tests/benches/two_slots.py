"""Two slots of a jig, a station for them, and what hands and scanners do there."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from benches import brokers
from benches.looking import until_so
from benches.station_bench import (
    Bench,
    StockHub,
    at_broker,
    give_order,
    slot,
)
from benches.station_daemon import RunningDaemon, events_of, working
from station.domain.scan_said import ScanCode, ScanSaid
from station.records.facts.attempts import AttemptClosed
from station.settings import StationSettings
from station.texts.scans import scan_line
from station.texts.texts import ENGLISH

FIRST, SECOND = slot(1), slot(2)
BOARD = {
    "poll_seconds": 0.02,
    "debounce_seconds": 0.05,
    "heartbeat_seconds": 0.2,
    "watchdog_seconds": 2.0,
    "answer_seconds": 0.2,
    "reconnect_seconds": 0.25,
}


class Hands:
    """Two slots of a jig, a station for them, and what is done there."""

    def __init__(self, bench: Bench, broker: brokers.Mosquitto, folder: Path, *, boards: bool) -> None:
        self.bench = bench
        settings = bench.settings(folder, {"jig1": [1, 2]}, **at_broker(broker.port))
        if boards:
            settings["jigs"][0]["board"] = {"port": str(bench.folder / "jig1" / "board"), **BOARD}
            settings["jigs"][0]["recognition_seconds"] = 2.0
        self.settings = StationSettings.model_validate(settings)

    async def order(self, *hubs: StockHub) -> None:
        await give_order(self.settings, *hubs)

    def working(self, hubs: int = 1) -> AbstractAsyncContextManager[tuple[Any, ...]]:
        """Order so many hubs and have the station work on them; yield it, and then them."""
        return working(self.bench, self.settings, hubs)

    def results(self) -> list[AttemptClosed]:
        return events_of(self.settings, AttemptClosed)

    async def power(self, *, on: bool) -> None:
        """Wait until the first slot has power, or has none."""

        async def switched() -> bool:
            return (await self.bench.do("board", jig=1))["powered"][0] is on

        await until_so(switched)


async def scan(station: RunningDaemon, label: object, number: int | None = None, **fields: Any) -> str:
    answer = await station.ask("scan_label", jig="jig1", slot=number, id=str(label), **fields)
    said = ScanSaid.model_validate(answer["said"])
    assert said.code is not ScanCode.DISAGREES, said
    return scan_line(ENGLISH, said)


async def disagreement(station: RunningDaemon, label: object, number: int) -> str:
    """Scan a label that is another hub's, and return what is said of it."""
    answer = await station.ask("scan_label", jig="jig1", slot=number, id=str(label))
    said = ScanSaid.model_validate(answer["said"])
    assert said.code is ScanCode.DISAGREES, said
    return scan_line(ENGLISH, said)
