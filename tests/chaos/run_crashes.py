"""Have the station die at every point on a hub's way, once and then again in the life that follows; then anywhere.

First every named point is met in turn, call by call, until a life does not reach it any more, with hubs on serial
lines and then on USB. Then the state machine of `crash_machine` wanders. The last line is one JSON object; the exit code is 0 only if nothing was lost,
contradictory or unbootable.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from queue import SimpleQueue

from chaos_boards import boards_of
from chaos_books import Findings
from crash_lives import End, Lives
from crash_machine import crash_anywhere
from crash_points import POINTS_ON, SIDES, Point, Side
from crash_world import DoomedStation, World

from benches import brokers
from benches.station_bench import running_bench, slot

LANES = {1: False, 2: False, 3: True, 4: True}
"""Jigs on which stations live at the same time, each in a slot of its own, and whether they have a board."""
STOCK = 4000
"""Hubs on a rig: each point uses one up."""


class Tally:
    """What came of every death."""

    def __init__(self) -> None:
        self.deaths: Counter[str] = Counter()
        self.findings = Findings()

    def take(self, world: World) -> None:
        self.deaths += world.deaths
        world.deaths.clear()

    def add(self, findings: Findings, where: str) -> None:
        self.findings.add(findings)
        for line in findings.lines:
            print(f"{where}: {line}", flush=True)


@contextmanager
def world(folder: Path, stock: dict[str, int], transport: str) -> Iterator[World]:
    """Run everything that outlives the stations."""
    folder.mkdir()
    with (
        brokers.mosquitto(folder) as broker,
        running_bench(
            folder, stock=stock, transport=transport, jigs=len(LANES), slots=1, boards=boards_of("mixed", 4)
        ) as bench,
        Lives() as lives,
    ):
        yield World(folder, bench, broker, lives)


def every_point(whole: World, firmware: str, points: Iterable[str], tally: Tally) -> None:
    """Die at each call of each point in turn, and at the same call again in the next life; with a board and without."""
    work: dict[bool, SimpleQueue[tuple[str, Side] | None]] = {False: SimpleQueue(), True: SimpleQueue()}
    for board, queue in work.items():
        for name in points:
            if name != "ask" or board:
                for side in SIDES:
                    queue.put((name, side))
    for board in LANES.values():
        work[board].put(None)

    def lane(jig: int, *, board: bool) -> None:
        with Lives() as lives:
            here = World(whole.folder, whole.bench, whole.broker, lives)
            while (found := work[board].get()) is not None:
                for call in count(1):
                    point = Point(*found, call)
                    if not _die_twice(here, jig, firmware, point, tally):
                        break
                tally.take(here)
                where = "with a board" if board else "without"
                print(f"{firmware}, {where}: {found[1]} {found[0]}: {call - 1} calls", flush=True)

    with ThreadPoolExecutor(len(LANES)) as lanes:
        for done in [lanes.submit(lane, jig, board=board) for jig, board in LANES.items()]:
            done.result()


def _die_twice(here: World, jig: int, firmware: str, point: Point, tally: Tally) -> bool:
    """Return whether the point was reached."""
    station = DoomedStation(here, [slot(1, jig)], [here.bench.hub(firmware)])
    try:
        reached = station.live(point) is End.POINT
        if reached and station.live(point) is End.POINT:
            assert station.live() is End.FINISHED
        tally.add(station.compare(), f"{firmware}, jig{jig}, {point}")
    finally:
        station.close()
    return reached


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--examples", type=int, default=40, help="walks of the state machine")
    parser.add_argument("--steps", type=int, default=12, help="of each walk")
    options = parser.parse_args()
    begun = time.monotonic()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        for transport, points in POINTS_ON.items():
            for firmware in ("old", "chained-old"):
                with world(Path(folder) / f"{transport}-{firmware}", {firmware: STOCK}, transport) as here:
                    every_point(here, firmware, points, tally)
        stock = {"old": STOCK, "chained-old": STOCK}
        with world(Path(folder) / "anywhere", stock, "mixed") as here:
            crash_anywhere(here, seed=options.seed, examples=options.examples, steps=options.steps)
            tally.take(here)
    summary = {
        "seed": options.seed,
        "deaths": dict(sorted(tally.deaths.items())),
        "points": tally.deaths.total(),
        "seconds": round(time.monotonic() - begun, 1),
        "kills": tally.deaths.total(),
        **tally.findings.numbers,
    }
    print(json.dumps(summary))
    return int(any(tally.findings.numbers.values()))


if __name__ == "__main__":
    sys.exit(main())
