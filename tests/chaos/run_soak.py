"""Thousands of hubs with realistic faults over one bench: does the daemon stay as small as it was?

Memory, descriptors and tasks of the last quarter are held against those of the second (the first warms up). The
last line is one JSON object; the exit code is 0 only if all three are flat and the books agree.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from chaos_boards import boards_of, with_boards
from chaos_books import KINDS, Books
from chaos_consumer import Consumer
from chaos_hands import Technician
from chaos_screen import watched
from chaos_station import StationProcess
from run_chaos import PLACES, add_transport, broker_lines, deliver, unlock_settings
from soak_station import SAMPLES
from witness import Trace

from benches import brokers
from benches.station_bench import import_order, order_csv, releases_of, running_bench, slot
from simulators.diary import boot_seconds
from station.messages.topics import Topics
from station.records.journal import Journal

SITE, STATION = "soak", "bench"
CLUMSINESS = 0.003
MOST_GROWTH = {"resident_mib": 4.0, "descriptors": 3.0, "threads": 2.0, "tasks": 6.0}
"""Of the medians, from the second quarter to the last: more than chance explains."""


async def soak(
    folder: Path, *, seed: int, hubs: int, transport: str, dfu_profile: str, boards: str
) -> dict[str, Any]:
    """Run it to its end and return the summary; what does not agree is printed."""
    begun = time.monotonic()
    with (
        brokers.mosquitto(folder, lines=broker_lines(folder)) as broker,
        running_bench(
            folder,
            stock={"old": hubs - hubs // 10, "chained-old": hubs // 10},
            faults="realistic",
            seed=seed,
            transport=transport,
            dfu_profile=dfu_profile,
            boards=boards_of(boards, len(PLACES)),
            jigs=len(PLACES),
            slots=2,
        ) as bench,
    ):
        stock = [bench.hub("old") for _ in range(hubs - hubs // 10)]
        stock += [bench.hub("chained-old") for _ in range(hubs // 10)]
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
            ),
        )
        trace = Trace(folder / "trace.jsonl")
        program = (sys.executable, str(Path(__file__).with_name("soak_station.py")))
        station = StationProcess(folder, settings, program)
        async with Journal.open(station.state / "journal", site=SITE, station=STATION) as journal:
            await import_order(journal, order_csv(*stock), *PLACES)
        places = [slot(number, int(jig[3:])) for jig, numbers in PLACES.items() for number in numbers]
        technician = Technician(bench, station.state, places, stock, seed)
        consumer = Consumer(broker.port, Topics(SITE, STATION).every_result)
        consumer.start()
        try:
            await station.start()
            await station.until_ready()
            async with watched(station.state, trace):
                await technician.work(clumsiness=CLUMSINESS)
                await deliver(station, consumer)
                until = boot_seconds()
            assert await station.stop() == 0, station.log.read_text()[-3000:]
        finally:
            await station.end()
            consumer.stop()
        books = Books(station.state / "journal")
        books.against_consumer(consumer)
        books.against_hubs(stock, {hub["chf"]: hub for hub in (await bench.do("hubs"))["hubs"]})
        books.against_screen(technician.told)
        books.against_witness(
            await asyncio.to_thread(bench.diary, 0),
            trace.read(),
            stock,
            releases_of(bench),
            [(int(place.jig[3:]), place.slot) for place in places],
            until,
        )
    for line in books.findings.lines:
        print(line, flush=True)
    samples = [json.loads(line) for line in (folder / SAMPLES).read_text().splitlines()]
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[3 * quarter :]
    size = {
        name: [median(one[name] for one in second), median(one[name] for one in last)] for name in MOST_GROWTH
    }
    grown = [name for name, (then, now) in size.items() if now - then > MOST_GROWTH[name]]
    return {
        "seed": seed,
        "transport": transport,
        "boards": boards,
        "results": dict(sorted(books.findings.outcomes.items())),
        "open": books.findings.open,
        "seconds": round(time.monotonic() - begun, 1),
        "samples": len(samples),
        "second_and_last_quarter": size,
        "grown": grown,
        "hubs": hubs,
        **books.findings.numbers,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--hubs", type=int, default=2000)
    add_transport(parser)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        if options.keep:
            options.keep.mkdir(parents=True)
        summary = asyncio.run(
            soak(
                options.keep or Path(folder),
                seed=options.seed,
                hubs=options.hubs,
                transport=options.transport,
                dfu_profile=options.dfu_profile,
                boards=options.boards,
            )
        )
    print(json.dumps(summary))
    return int(bool(summary["grown"]) or any(summary[kind] for kind in KINDS))


if __name__ == "__main__":
    sys.exit(main())
