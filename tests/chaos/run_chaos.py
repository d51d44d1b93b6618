"""Kill daemon and broker at random instants while a technician works, then hold three books against each other.

Repeatable in what is drawn (`--seed`): which process dies, and after how long. The machine's own pace is not.
The last line is one JSON object; the exit code is 0 only if every count of `KINDS` is none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos_boards import boards_of, with_boards
from chaos_books import KINDS, Books
from chaos_consumer import Consumer
from chaos_hands import Desk, Technician
from chaos_packer import Packer
from chaos_screen import watched
from chaos_station import StationProcess
from witness import Trace

from benches import brokers, desk_client
from benches.station_bench import (
    ORDER,
    Bench,
    StockHub,
    import_order,
    order_csv,
    releases_of,
    running_bench,
    slot,
)
from simulators.diary import boot_seconds
from station.messages.topics import Topics
from station.records.facts import outbox
from station.records.journal import Journal
from station.records.reader import JournalReader

SITE, STATION = "chaos", "bench"
PLACES = {f"jig{jig}": [1, 2] for jig in (1, 2, 3, 4)}
"""With `mixed` transport those with an even number are on USB; with `mixed` boards the last two have some."""
SMALL_ORDER = "WO-2"
BRIDGES_ORDER = "WO-3"
BRIDGES_JIG = "jig4"
STRANGERS = {"new": 2, "unlisted-old": 2}
"""Hubs that lie about and are on no order: two run the release already."""
HUB_SPEED = 3
"""The hubs' flash and boots are this many times as fast as real ones: slow enough to be met at work."""
CLUMSINESS = 0.03
"""Chance, at each glance, of knocking a hub at work."""
DELIVERY_SECONDS = 30.0
"""How long the consumer may wait, after the last kill, for what the station has sent."""
SHIPPED_BROKER = Path(__file__).parents[2] / "deploy" / "mosquitto" / "reflash.conf"


@dataclass(frozen=True)
class Request:
    """What is to be tried."""

    seed: int
    kills: int
    hubs: int
    faults: str = "none"
    transport: str = "mixed"
    dfu_profile: str = "default"
    boards: str = "mixed"
    bridges: int = 0
    """So many come besides the hubs, in sets of two, on a jig of their own."""


def broker_lines(folder: Path) -> tuple[str, ...]:
    """Return the broker configuration that is shipped, but for where it listens and writes."""
    lines = SHIPPED_BROKER.read_text().splitlines()
    moved = ("#", "listener", "allow_anonymous", "persistence_location")
    kept = [line for line in lines if line and not line.startswith(moved)]
    return (*kept, f"persistence_location {folder}/")


def unlock_settings(bench: Bench) -> dict[str, Any]:
    """Return the bench's key with a rate for hubs that take a second each, where real ones take minutes."""
    return {"key_file": str(bench.unlock_key), "rate": {"signatures": 10_000, "seconds": 60}}


async def chaos(folder: Path, request: Request) -> dict[str, Any]:
    """Run it to its end and return the summary; what does not agree is printed."""
    begun = time.monotonic()
    chained = request.hubs // 4
    stock = {"old": request.hubs - chained, "chained-old": chained}
    if request.bridges:
        stock["bridge-old"] = request.bridges
    trace = Trace(folder / "trace.jsonl")
    with (
        brokers.mosquitto(folder, lines=broker_lines(folder)) as broker,
        running_bench(
            folder,
            stock={**stock, **STRANGERS},
            faults=request.faults,
            seed=request.seed,
            speed=HUB_SPEED,
            transport=request.transport,
            dfu_profile=request.dfu_profile,
            boards=boards_of(request.boards, len(PLACES)),
            jigs=len(PLACES),
            slots=2,
        ) as bench,
    ):
        hubs = [bench.hub(firmware) for firmware, count in stock.items() for _ in range(count)]
        random.Random(request.seed).shuffle(hubs)
        bridges = [hub for hub in hubs if hub.bridge_type is not None]
        on_hubs = [jig for jig in PLACES if not bridges or jig != BRIDGES_JIG]
        strangers = [bench.hub(firmware) for firmware, count in STRANGERS.items() for _ in range(count)]
        settings = with_boards(
            bench,
            bench.settings(
                folder / "state",
                PLACES,
                site=SITE,
                station=STATION,
                mqtt={"port": broker.port},
                unlock=unlock_settings(bench),
                thresholds={"release_last_hubs": 9999, "release_failed_hubs": 9999},
                **({"packing": {"hubs_per_carton": 2}} if bridges else {}),
            ),
        )
        station = StationProcess(folder, settings)
        listed = [hub for hub in hubs if hub.bridge_type is None]
        small = len(listed) // 8
        async with Journal.open(station.state / "journal", site=SITE, station=STATION) as journal:
            await import_order(journal, order_csv(*listed[small:]), *on_hubs)
            await import_order(journal, order_csv(*listed[:small], order=SMALL_ORDER))
            if bridges:
                await import_order(journal, order_csv(*bridges, order=BRIDGES_ORDER), BRIDGES_JIG)
        consumer = Consumer(broker.port, Topics(SITE, STATION).every_result)
        consumer.start()
        try:
            run = _Run(request, bench, broker, station, hubs, strangers)
            async with watched(station.state, trace):
                await run.kill_and_work()
                asked_again = await deliver(station, consumer)
                until = boot_seconds()
                assert await station.stop() == 0, station.log.read_text()[-3000:]
        finally:
            await station.end()
            consumer.stop()
        books = Books(station.state / "journal")
        books.against_consumer(consumer)
        inside = {hub["chf"]: hub for hub in (await bench.do("hubs"))["hubs"]}
        books.against_hubs(hubs, inside)
        books.against_screen(run.technician.told)
        books.against_crates(run.packer.where)
        books.against_witness(
            await asyncio.to_thread(bench.diary, 0),
            trace.read(),
            (*hubs, *strangers),
            releases_of(bench),
            [(int(jig[3:]), number) for jig, numbers in PLACES.items() for number in numbers],
            until,
        )
    findings = books.findings
    for chf, line in run.technician.crate.items():
        if chf not in books.passed:
            print(f"note: hub {chf} did not pass: {line}", flush=True)
    for line in findings.lines:
        print(line, flush=True)
    return {
        "seed": request.seed,
        "transport": request.transport,
        "boards": request.boards,
        "killed": dict(run.killed),
        "acts": dict(sorted((run.technician.acts + run.desk.acts + run.packer.acts).items())),
        "results": dict(sorted(findings.outcomes.items())),
        "open": findings.open,
        "duplicates": consumer.duplicates,
        "asked_again": asked_again,
        "seconds": round(time.monotonic() - begun, 1),
        "kills": run.killed.total(),
        "points": run.killed.total() + (run.technician.acts + run.desk.acts + run.packer.acts).total(),
        "hubs": len(hubs),
        **findings.numbers,
    }


class _Run:
    """One run while it lasts."""

    def __init__(
        self,
        request: Request,
        bench: Bench,
        broker: brokers.Mosquitto,
        station: StationProcess,
        hubs: list[StockHub],
        strangers: list[StockHub],
    ) -> None:
        places = [slot(number, int(jig[3:])) for jig, numbers in PLACES.items() for number in numbers]
        self.killed: Counter[str] = Counter()
        bridges = [hub.chf for hub in hubs if hub.bridge_type is not None]
        sets = {bridge: (BRIDGES_ORDER, str(number // 2)) for number, bridge in enumerate(bridges)}
        of_bridges = {BRIDGES_JIG} if bridges else set()
        self.packer = Packer(station.state, ORDER, request.seed, sets)
        self.technician = Technician(
            bench, station.state, places, hubs, request.seed, strangers, self.packer, of_bridges
        )
        on_hubs = [jig for jig in PLACES if jig not in of_bridges]
        self.desk = Desk(bench, station.state, on_hubs, (ORDER, SMALL_ORDER), request.seed)
        self._request = request
        self._broker = broker
        self._station = station
        self._random = random.Random(request.seed)

    async def kill_and_work(self) -> None:
        """Return when every kill was made and every hub is in the crate."""
        await self._station.start()
        async with asyncio.TaskGroup() as group:
            working = group.create_task(self.technician.work(clumsiness=CLUMSINESS))
            disturbing = group.create_task(self.desk.work())
            packing = group.create_task(self.packer.work())
            await self._kill()
            await self._station.until_ready()
            disturbing.cancel()
            await asyncio.wait((disturbing,))
            await self.desk.put_right()
            await working
            await self.packer.all_brought()
            packing.cancel()

    async def _kill(self) -> None:
        while self.killed.total() < self._request.kills:
            whom = self._random.choices(("daemon", "broker", "both"), (6, 2, 2))[0]
            in_its_start = self._random.random() < 0.2
            delay = self._random.uniform(0, 2.5)
            if not in_its_start:
                await self._station.until_ready()
            await asyncio.sleep(delay)
            if whom in {"daemon", "both"}:
                await self._station.kill()
                self.killed["daemon"] += 1
            if whom in {"broker", "both"}:
                await asyncio.to_thread(self._broker.kill)
                self.killed["broker"] += 1
            if whom in {"daemon", "both"}:
                await self._station.start()
            if whom in {"broker", "both"}:
                await asyncio.sleep(self._random.uniform(0, 1.5))
                await asyncio.to_thread(self._broker.start)


async def deliver(station: StationProcess, consumer: Consumer) -> int:
    """Wait for the consumer to have everything; return how many results it had to ask for again.

    A broker may acknowledge and be killed before it has written anything down. The consumer sees the gap in the
    numbers and asks, as `reflash journal republish` does.
    """
    folder = station.state / "journal"
    asked_again = 0
    deadline = time.monotonic() + DELIVERY_SECONDS
    while time.monotonic() < deadline:
        with JournalReader(folder) as reader:
            waiting = reader.ask(outbox.waiting_messages)
            numbers = {result.number.number for result in reader.messages("result", 1, 1 << 62)}
        missing = numbers - consumer.station_sequences()
        if not waiting and not missing:
            break
        if not waiting:
            # Acknowledged may mean: on its way to the consumer. Only what stays away is asked for.
            await asyncio.sleep(2.0)
            for number in sorted(missing - consumer.station_sequences()):
                await desk_client.ask(station.state, "republish", first=number, last=number)
                asked_again += 1
        await asyncio.sleep(0.5)
    return asked_again


def add_transport(parser: argparse.ArgumentParser) -> None:
    """Let the command say what the jigs are connected by."""
    parser.add_argument(
        "--transport",
        choices=("serial", "usb", "mixed"),
        default="mixed",
        help="what the jigs are connected by; mixed: one of two by USB",
    )
    parser.add_argument(
        "--boards",
        choices=("none", "mixed", "all"),
        default="mixed",
        help="the jigs that have an I/O board; mixed: every second pair",
    )
    parser.add_argument(
        "--dfu-profile", choices=("default", "bus-reset"), default="default", help="of the hubs on USB"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--hubs", type=int, help="how many pass over the bench (three for each kill, and 8)")
    parser.add_argument(
        "--bridges", type=int, default=0, help="so many bridges besides, on a jig of their own"
    )
    parser.add_argument("--faults", default="none", help="the hubs' own faults: none, realistic, or a file")
    add_transport(parser)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    options = parser.parse_args()
    request = Request(
        seed=options.seed,
        kills=options.kills,
        hubs=options.hubs or 3 * options.kills + 8,
        faults=options.faults,
        transport=options.transport,
        dfu_profile=options.dfu_profile,
        boards=options.boards,
        bridges=options.bridges,
    )
    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        if options.keep:
            options.keep.mkdir(parents=True)
        summary = asyncio.run(chaos(options.keep or Path(folder), request))
        print(json.dumps(summary))
        return int(any(summary[kind] for kind in KINDS))
    return 1


if __name__ == "__main__":
    sys.exit(main())
