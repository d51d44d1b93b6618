"""A shift on simulated rigs, served by simulated people, against what `reflash capacity` reckons of it.

All times are a scale shorter than at a bench, hands as hubs, and no two acts take the same: figures are told as they would be
there. The formula is given what the journal measured of that very shift, hands as long as they took, and boots from the seating
on. The last line is one JSON object; the exit code is 0 only if both agree within 5 of 100.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from chaos_boards import with_boards
from chaos_station import StationProcess
from run_proof import commit
from shift_people import Shift

from benches.station_bench import import_order, order_csv, running_bench, slot
from station.records.journal import Journal
from station.reports.catching_up import catch_up
from station.reports.reader import Wanted, open_reports
from station.throughput.capacity import Figure, Loading, capacity_of, workings_of
from station.throughput.capacity_measured import with_measured
from station.throughput.capacity_plan import example

SITE, STATION = "shift", "bench"
MOST_OFF = 0.05
_PATIENCE = {"answer_seconds": 5.0, "return_seconds": 60.0, "stall_seconds": 20.0, "upload_attempts": 5}
"""Of the station with hubs that no fault troubles: a computer that is busy with other things is not to fail one."""
_SHARES = {"unpack": 0.3, "scan": 0.1, "seat": 0.25, "pack": 0.35}
"""Of a hub's handling."""


async def play(
    folder: Path,
    *,
    jigs: int,
    slots: int,
    people: int,
    hands: float,
    hours: float,
    scale: float,
    speed: float = 20,
    seed: int = 7,
    loading: Loading = Loading.CONTINUOUS,
) -> dict[str, Any]:
    """Play so many hours, and return what was made and what was reckoned. `hands` are seconds a hub, at a bench."""
    played = commit()
    seconds = hours * 3600 / scale
    most = int(1.2 * seconds * people * scale / hands) + jigs * slots
    with running_bench(
        folder, stock={"old": most}, boards=True, jigs=jigs, slots=slots, speed=speed, seed=seed
    ) as bench:
        stock = [bench.hub("old") for _ in range(most)]
        places = [slot(number, jig) for jig in range(1, jigs + 1) for number in range(1, slots + 1)]
        numbers = list(range(1, slots + 1))
        settings = bench.settings(
            folder / "state", {f"jig{jig}": numbers for jig in range(1, jigs + 1)}, site=SITE, station=STATION
        )
        settings = with_boards(bench, settings)
        for jig in settings["jigs"]:
            jig["driver_settings"] |= _PATIENCE
            jig["start"] = "lid" if loading is Loading.BATCH else "seated"
        settings["unlock"]["rate"] = {"signatures": 10_000, "seconds": 60}  # time runs faster than its clock
        station = StationProcess(folder, settings)
        async with Journal.open(station.state / "journal", site=SITE, station=STATION) as journal:
            await import_order(journal, order_csv(*stock), *(jig["name"] for jig in settings["jigs"]))
        shift = Shift(
            bench,
            station.state,
            {act: share * hands / scale for act, share in _SHARES.items()},
            deque(stock),
            dict.fromkeys(places),
            time.monotonic() + seconds,
            random.Random(seed),
            loading,
        )
        await station.start()
        try:
            await station.until_ready()
            shift.until = time.monotonic() + seconds
            lasted = await shift.play(people)
            assert await station.stop() == 0, station.log.read_text()[-3000:]
        finally:
            await station.end()
    made = len(shift.packed)
    plan = workings_of(example(), "assumed")
    work = replace(
        plan,
        jigs=jigs,
        slots=slots,
        people=people,
        hours=lasted / 3600,
        hands={act: Figure(spent / made, "measured") for act, spent in shift.spent.items()},
    )
    reports = station.state / "reports"
    catch_up(reports, station.state / "journal", room=0, tell_many=print)
    with open_reports(reports) as told:
        work = with_measured(work, told.hubs(Wanted(), told.span(Wanted())))
    work = replace(work, alone={**work.alone, "boot": Figure(fmean(shift.boots), "measured")})
    reckoned = capacity_of(work, loading)
    return {
        "commit": played,
        "seed": seed,
        "scale": scale,
        "slots": jigs * slots,
        "people": people,
        "loading": loading,
        "hours": round(lasted * scale / 3600, 3),
        "hands_seconds": round(work.hands_seconds * scale, 2),
        "alone_seconds": round(work.alone_seconds * scale, 2),
        "hubs": made,
        "hubs_an_hour": round(made / (lasted * scale / 3600), 1),
        "reckoned": round(reckoned.hubs_a_day, 1),
        "off": round(reckoned.hubs_a_day / made - 1, 4),
        "bottleneck": reckoned.bottleneck,
        "people_busy": round(reckoned.people_busy, 3),
        "slots_busy": round(reckoned.slots_busy, 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2, help="at a bench")
    parser.add_argument("--scale", type=float, default=30, help="so many times as fast")
    parser.add_argument("--jigs", type=int, default=3)
    parser.add_argument("--slots", type=int, default=8, help="of each jig")
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--hands", type=float, default=20, help="seconds of handling a hub, at a bench")
    parser.add_argument(
        "--speed",
        type=float,
        default=20,
        help="hubs flash and boot so many times as fast as the simulator's own",
    )
    parser.add_argument("--seed", type=int, default=7, help="of how long hands take each time")
    parser.add_argument("--loading", type=Loading, choices=list(Loading), default=Loading.CONTINUOUS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shift-") as folder:
        found = asyncio.run(play(Path(folder), **vars(options)))
    print(json.dumps(found))
    return int(abs(found["off"]) > MOST_OFF)


if __name__ == "__main__":
    sys.exit(main())
