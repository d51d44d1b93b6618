"""Run the fault matrix and hold every cell against the table in docs/reliability.md, or write that table.

The table is the expectation: a cell that ends otherwise fails the run. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import brokers
from fault_cells import STAGES, TRANSPORTS, Cell, Ending, all_cells, faults_on, pairwise_cells, run_cell
from reliability_page import PAGE, read_matrix, write_matrix
from station_bench import running_bench, slot

from station.log import configure_logging
from station.records.events import Place

PLACES = tuple(slot(number, jig) for jig in (1, 2) for number in (1, 2, 3, 4))
"""So many cells run at the same time."""


async def run_cells(
    folder: Path,
    cells: Iterable[Cell],
    places: tuple[Place, ...] = PLACES,
    *,
    dfu_profile: str = "default",
) -> dict[Cell, Ending]:
    """Run the cells, all of one transport, on one rig, several at a time."""
    left = list(cells)
    (transport,) = {cell.transport for cell in left}
    endings: dict[Cell, Ending] = {}
    stock = {"old": len(left), "chained-old": len(left)}
    with (
        brokers.mosquitto(folder) as broker,
        running_bench(folder, stock=stock, transport=transport, dfu_profile=dfu_profile) as bench,
    ):

        async def lane(place: Place) -> None:
            while left:
                cell = left.pop()
                number = len(left)
                try:
                    endings[cell] = await run_cell(bench, folder / f"cell{number}", place, broker.port, cell)
                except* (AssertionError, TimeoutError) as error:
                    endings[cell] = Ending(f"{error.exceptions[0]!r}", (f"the cell did not end: {error!r}",))
                await bench.do("disarm", jig=place.jig, slot=place.slot)
                for seat in (await bench.do("slots"))["slots"]:
                    if (seat["jig"], seat["slot"]) == (int(place.jig[3:]), place.slot) and seat["occupied"]:
                        await bench.unseat(place)

        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(lane(place))
    return endings


def differences(endings: dict[Cell, Ending], expected: dict[Cell, str]) -> list[str]:
    """Return a line for each cell that broke a rule or ended otherwise than the table says."""
    lines = []
    for cell, ending in endings.items():
        lines += [f"{cell}: {wrong}" for wrong in ending.wrong]
        if ending.what != expected.get(cell):
            lines.append(f"{cell}: {ending.what}; the table says: {expected.get(cell)}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairwise", action="store_true", help="each pair once, not the whole")
    parser.add_argument("--write", action="store_true", help="write the table, having looked at what it says")
    parser.add_argument("--fault", help="this row alone")
    parser.add_argument("--transport", choices=TRANSPORTS, help="this one alone")
    parser.add_argument(
        "--dfu-profile", choices=("default", "bus-reset"), default="default", help="of the hubs on USB"
    )
    options = parser.parse_args()
    choose = pairwise_cells if options.pairwise else all_cells
    transports = [options.transport] if options.transport else TRANSPORTS
    configure_logging("console", "critical")
    begun = time.monotonic()
    endings: dict[Cell, Ending] = {}
    for transport in transports:
        cells = [cell for cell in choose(transport) if options.fault in {None, cell.fault}]
        if cells:
            with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
                endings |= asyncio.run(run_cells(Path(folder), cells, dfu_profile=options.dfu_profile))
    if options.write:
        known = read_matrix() if options.fault else {}
        write_matrix({**known, **{cell: ending.what for cell, ending in endings.items()}})
        wrong = [f"{cell}: {line}" for cell, ending in endings.items() for line in ending.wrong]
    else:
        wrong = differences(endings, read_matrix())
    for line in sorted(wrong):
        print(line)
    summary = {
        "faults": {transport: len(faults_on(transport)) for transport in transports},
        "stages": len(STAGES),
        "cells": len(endings),
        "wrong": len(wrong),
        "seconds": round(time.monotonic() - begun, 1),
        "page": str(PAGE.name),
    }
    print(json.dumps(summary))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
