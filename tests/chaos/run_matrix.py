"""Run the fault matrices and hold every cell against the tables in docs/reliability.md, or write those tables.

A table is the expectation: a cell that ends otherwise fails the run. One matrix is of what befalls hubs, one of what
befalls jig boards. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from board_cells import BoardCell, all_board_cells, run_board_cell, sparse_board_cells
from fault_cells import STAGES, TRANSPORTS, Cell, Ending, all_cells, faults_on, pairwise_cells, run_cell
from reliability_page import PAGE, read_board_matrix, read_matrix, write_board_matrix, write_matrix

from benches import brokers
from benches.station_bench import releases_of, running_bench, slot
from firmware_catalog.devices import BridgeType
from station.domain.slot_name import SlotName
from station.log import configure_logging

PLACES = tuple(slot(number, jig) for jig in (1, 2) for number in (1, 2, 3, 4))
"""So many cells run at the same time."""
BOARD_JIGS = 8
"""And so many of the board matrix."""
AnyCell = TypeVar("AnyCell", Cell, BoardCell)


async def run_cells(
    folder: Path,
    cells: Iterable[Cell],
    places: tuple[SlotName, ...] = PLACES,
    *,
    dfu_profile: str = "default",
    bridge_type: BridgeType | None = None,
) -> dict[Cell, Ending]:
    """Run the cells, all of one transport, on one rig, several at a time; with a `bridge_type` on bridges."""
    left = list(cells)
    (transport,) = {cell.transport for cell in left}
    endings: dict[Cell, Ending] = {}
    stock = {"old": len(left), "chained-old": len(left)}
    with (
        brokers.mosquitto(folder) as broker,
        running_bench(
            folder, stock=stock, transport=transport, dfu_profile=dfu_profile, bridge_type=bridge_type
        ) as bench,
    ):

        async def lane(place: SlotName) -> None:
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


async def run_board_cells(folder: Path, cells: Iterable[BoardCell]) -> dict[BoardCell, Ending]:
    """Run the cells of the board matrix on one rig, one on each of its jigs at a time."""
    left = list(cells)
    endings: dict[BoardCell, Ending] = {}
    with (
        brokers.mosquitto(folder) as broker,
        running_bench(
            folder,
            stock={"old": len(left), "new": len(left)},
            jigs=BOARD_JIGS,
            slots=1,
            boards=True,
        ) as bench,
    ):
        releases = releases_of(bench)

        async def lane(jig: int) -> None:
            while left:
                cell = left.pop()
                cell_folder = folder / f"board{len(left)}"
                try:
                    endings[cell] = await run_board_cell(
                        bench, cell_folder, slot(1, jig), broker.port, releases, cell
                    )
                except* (AssertionError, TimeoutError) as error:
                    endings[cell] = Ending(f"{error.exceptions[0]!r}", (f"the cell did not end: {error!r}",))
                for act in ("disarm", "release_stop", "restart"):
                    await bench.do("board", jig=jig, act=act)
                if any(
                    seat["jig"] == jig and seat["occupied"] for seat in (await bench.do("slots"))["slots"]
                ):
                    await bench.unseat(slot(1, jig))

        async with asyncio.TaskGroup() as group:
            for jig in range(1, BOARD_JIGS + 1):
                group.create_task(lane(jig))
    return endings


def differences(endings: Mapping[AnyCell, Ending], expected: Mapping[AnyCell, str]) -> list[str]:
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
    parser.add_argument("--fault", help="this row alone; of a board also its column or its moment")
    parser.add_argument("--transport", choices=TRANSPORTS, help="this one alone")
    parser.add_argument(
        "--bridges",
        choices=list(BridgeType),
        type=BridgeType,
        help="bridges of this type in the hubs' place: the same tables hold",
    )
    parser.add_argument("--boards", action="store_true", help="the board matrix alone")
    parser.add_argument(
        "--dfu-profile", choices=("default", "bus-reset"), default="default", help="of the hubs on USB"
    )
    options = parser.parse_args()
    choose = pairwise_cells if options.pairwise else all_cells
    transports = [options.transport] if options.transport else TRANSPORTS
    boards = options.boards or not (options.transport or options.bridges)
    if options.boards:
        transports = []
    configure_logging("console", "critical")
    begun = time.monotonic()
    endings: dict[Cell, Ending] = {}
    for transport in transports:
        cells = [cell for cell in choose(transport) if options.fault in {None, cell.fault}]
        if cells:
            with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
                endings |= asyncio.run(
                    run_cells(
                        Path(folder), cells, dfu_profile=options.dfu_profile, bridge_type=options.bridges
                    )
                )
    board_endings: dict[BoardCell, Ending] = {}
    chosen = [
        cell
        for cell in (sparse_board_cells() if options.pairwise else all_board_cells())
        if options.fault in {None, cell.fault, cell.question, cell.moment}
    ]
    if boards and chosen:
        with tempfile.TemporaryDirectory(prefix="boards-") as folder:
            board_endings = asyncio.run(run_board_cells(Path(folder), chosen))
    if options.write and options.bridges:
        parser.error("the tables are written by hubs: bridges are held against them")
    if options.write:
        known_boards = read_board_matrix() if options.fault else {}
        write_board_matrix({**known_boards, **{cell: ending.what for cell, ending in board_endings.items()}})
        known = read_matrix() if options.fault else {}
        write_matrix({**known, **{cell: ending.what for cell, ending in endings.items()}})
        every = [*endings.items(), *board_endings.items()]
        wrong = [f"{cell}: {line}" for cell, ending in every for line in ending.wrong]
    else:
        wrong = differences(endings, read_matrix()) + differences(board_endings, read_board_matrix())
    for line in sorted(wrong):
        print(line)
    summary = {
        "faults": {transport: len(faults_on(transport)) for transport in transports},
        "stages": len(STAGES),
        "cells": len(endings) + len(board_endings),
        "board_cells": len(board_endings),
        "points": len(endings) + len(board_endings),
        "wrong": len(wrong),
        "seconds": round(time.monotonic() - begun, 1),
        "page": str(PAGE.name),
    }
    print(json.dumps(summary))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
