"""Benchmarks from the command line: `python -m benchmarks upload --slots 24 --baud 921600 --window 4`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from benchmarks.board import board_row
from benchmarks.clients import SMPCLIENT
from benchmarks.everything import BOARD_SECONDS, JOURNAL_EVENTS, OTHER_REPEATS, STALLED, all_rows
from benchmarks.journal import journal_row
from benchmarks.report import Figures, write_report
from benchmarks.rigs import BenchmarkFailed
from benchmarks.stalled import stalled_row
from benchmarks.station import station_row
from benchmarks.upload import upload_rows
from benchmarks.workload import Workload
from simulators.smp_line import PROFILES

_DOCS = Path(__file__).parent.parent / "docs"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures the station against simulated rigs. Exit codes: 0 measured, 1 a row is void or could not be "
        "measured, 2 wrong use.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    defaults = Workload()

    upload = commands.add_parser(
        "upload",
        help="one image to each slot at once",
        description="Example: python -m benchmarks upload --slots 24 --baud 921600 --window 4 --peer smpclient --json",
    )
    upload.add_argument("--slots", type=int, default=defaults.slots)
    upload.add_argument("--baud", type=int, default=defaults.baud)
    upload.add_argument(
        "--window", type=int, default=defaults.window, help="chunks under way at once, at most"
    )
    upload.add_argument(
        "--profile", choices=sorted(PROFILES), default=defaults.profile, help="the hubs' buffers"
    )
    upload.add_argument("--image-kib", type=int, default=defaults.image_kib, help="body of the image")
    upload.add_argument("--erase-ms-per-page", type=float, default=defaults.erase_ms_per_page)
    upload.add_argument("--write-us-per-byte", type=float, default=defaults.write_us_per_byte)
    upload.add_argument("--peer", choices=[SMPCLIENT, "none"], default=SMPCLIENT)

    stalled = commands.add_parser("stalled", help="what 23 slots notice of a port whose peer stops reading")
    board = commands.add_parser("board", help="what polling the jigs' I/O boards costs")
    board.add_argument("--jigs", type=int, default=3)
    board.add_argument("--seconds", type=float, default=BOARD_SECONDS)
    journal = commands.add_parser("journal", help="durable appends beside bare fsync; verifying and opening")
    journal.add_argument("--events", type=int, default=JOURNAL_EVENTS, help="of the journal that is opened")
    station = commands.add_parser(
        "station", help="whole attempts by the daemon, 24 hubs beside one, and its memory"
    )
    for command in (upload, stalled, station):
        command.add_argument(
            "--repeats",
            type=int,
            default=OTHER_REPEATS,
            help="the one least disturbed by other programs counts",
        )
    everything = commands.add_parser("all", help="all rows; writes performance.md and performance.json")
    everything.add_argument("--out", type=Path, default=_DOCS, help="folder to write to (docs)")
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="print each row as a line of JSON")
    return parser


def _one_row(options: argparse.Namespace) -> Coroutine[Any, Any, list[Figures] | Figures]:
    match options.command:
        case "upload":
            workload = Workload(
                slots=options.slots,
                baud=options.baud,
                profile=options.profile,
                image_kib=options.image_kib,
                erase_ms_per_page=options.erase_ms_per_page,
                write_us_per_byte=options.write_us_per_byte,
            )
            peer = None if options.peer == "none" else options.peer
            return upload_rows(workload, (options.window,), peer, options.repeats)
        case "stalled":
            return stalled_row(STALLED, options.repeats)
        case "board":
            return board_row(options.jigs, options.seconds)
        case "journal":
            return journal_row(options.events)
        case _:
            return station_row(options.repeats)


def _print_row(row: Figures) -> None:
    print("\n".join(f"{name:28} {value}" for name, value in row.items()), end="\n\n", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns 0, or 1 when a row is void or could not be measured; argparse itself ends with 2 for wrong use."""
    parser = _parser()
    options = parser.parse_args(arguments)
    counts = [
        value
        for name, value in vars(options).items()
        if name in {"slots", "window", "repeats", "jigs", "events"}
    ]
    if any(count < 1 for count in counts):
        parser.error("slots, window, repeats, jigs and events are at least 1")
    tell = (lambda row: print(json.dumps(row), flush=True)) if options.json else _print_row
    try:
        if options.command == "all":
            rows = asyncio.run(all_rows(tell))
            write_report(options.out, rows)
        else:
            found = asyncio.run(_one_row(options))
            rows = found if isinstance(found, list) else [found]
            for row in rows:
                tell(row)
    except BenchmarkFailed as error:
        sys.stderr.write(f"python -m benchmarks: {error}\n")
        return 1
    return 0 if all(row["valid"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
