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
from benchmarks.calls import above_baseline, calls_row, write_baseline
from benchmarks.clients import SMPCLIENT
from benchmarks.desk import DESK_REPEATS, DESK_SECONDS, HUBS_AN_ORDER, desk_row
from benchmarks.everything import (
    BOARD_SECONDS,
    JOURNAL_EVENTS,
    OTHER_REPEATS,
    RETURN_REPEATS,
    STALLED,
    all_rows,
)
from benchmarks.journal import journal_row
from benchmarks.profile import PROFILE_REPEATS, profile_row
from benchmarks.report import Figures, write_report
from benchmarks.reports import REPORTS_REPEATS, ROUND_SECONDS, reports_row
from benchmarks.screen import SCREEN_REPEATS, SCREEN_SECONDS, screen_row
from benchmarks.screen_flash import SCREEN_FLASH_REPEATS, screen_flash_row
from benchmarks.simulator import BenchmarkFailed
from benchmarks.stalled import stalled_row
from benchmarks.station import station_row
from benchmarks.upload import upload_rows
from benchmarks.usb import usb_row
from benchmarks.usb_return import usb_return_row
from benchmarks.usb_workload import PYDFUUTIL, UsbWorkload
from benchmarks.workload import Workload
from benchmarks.years import HUBS_OF_THE_WEEK, journal_years_row
from simulators.smp_line import PROFILES

_DOCS = Path(__file__).parent.parent / "docs"
_KEPT = Path("build/performance-rows.json")
"""The rows of a run of `all` that is not done yet."""


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
    upload.add_argument("--framing", choices=("console", "raw"), default=defaults.framing)
    upload.add_argument(
        "--input-timeout",
        type=float,
        default=defaults.input_timeout,
        metavar="SECONDS",
        help="after which a hub drops half a raw packet",
    )
    upload.add_argument(
        "--bit-errors",
        type=float,
        default=defaults.bit_errors,
        metavar="RATE",
        help="wrong bits, so many a byte on the line; without the peer",
    )
    upload.add_argument("--image-kib", type=int, default=defaults.image_kib, help="body of the image")
    upload.add_argument("--erase-ms-per-page", type=float, default=defaults.erase_ms_per_page)
    upload.add_argument("--write-us-per-byte", type=float, default=defaults.write_us_per_byte)
    upload.add_argument("--peer", choices=[SMPCLIENT, "none"], default=SMPCLIENT)

    usb_defaults = UsbWorkload()
    usb = commands.add_parser(
        "usb",
        help="one image to each USB hub at once",
        description="Example: python -m benchmarks usb --devices 24 --transfer-size 1024 --peer pydfuutil --json",
    )
    usb.add_argument("--devices", type=int, default=usb_defaults.devices)
    usb.add_argument(
        "--transfer-size",
        type=int,
        choices=range(8, 4097),
        metavar="BYTES",
        default=usb_defaults.transfer_size,
        help="a block's, 8 to 4096",
    )
    usb.add_argument("--image-kib", type=int, default=usb_defaults.image_kib, help="body of the image")
    usb.add_argument("--erase-ms-per-page", type=float, default=usb_defaults.erase_ms_per_page)
    usb.add_argument("--write-us-per-byte", type=float, default=usb_defaults.write_us_per_byte)
    usb.add_argument("--peer", choices=[PYDFUUTIL, "none"], default=PYDFUUTIL)
    usb_return = commands.add_parser("usb-return", help="what USB hubs' going and coming back costs")
    usb_return.add_argument("--devices", type=int, default=usb_defaults.devices)

    stalled = commands.add_parser("stalled", help="what 23 slots notice of a port whose peer stops reading")
    board = commands.add_parser("board", help="what polling the jigs' I/O boards costs")
    board.add_argument("--jigs", type=int, default=3)
    board.add_argument("--seconds", type=float, default=BOARD_SECONDS)
    journal = commands.add_parser("journal", help="durable appends beside bare fsync; verifying and opening")
    journal.add_argument("--events", type=int, default=JOURNAL_EVENTS, help="of the journal that is opened")
    journal.add_argument("--hubs", type=int, help="compare a journal of so many hubs with a week's instead")
    journal.add_argument("--week", type=int, default=HUBS_OF_THE_WEEK, help="hubs of the week")
    reports = commands.add_parser(
        "reports", help="years of a journal taken in, and what slots notice of it meanwhile"
    )
    reports.add_argument("--hubs", type=int, default=20_000, help="of the journal")
    reports.add_argument("--repeats", type=int, default=REPORTS_REPEATS)
    reports.add_argument("--seconds", type=float, default=ROUND_SECONDS, help="of each round")
    desk = commands.add_parser("desk", help="what people at the desk wait for while 24 slots work")
    desk.add_argument("--hubs", type=int, default=HUBS_AN_ORDER, help="of the order, at most 5,000")
    desk.add_argument("--repeats", type=int, default=DESK_REPEATS)
    desk.add_argument("--seconds", type=float, default=DESK_SECONDS, help="of each round")
    screen = commands.add_parser(
        "screen", help="from a commit to the frame that shows it, and what that costs"
    )
    screen.add_argument("--repeats", type=int, default=SCREEN_REPEATS)
    screen.add_argument("--seconds", type=float, default=SCREEN_SECONDS, help="of each round")
    screen_flash = commands.add_parser(
        "screen-flash", help="how fast hubs are written while three browsers watch, beside nobody watching"
    )
    screen_flash.add_argument("--repeats", type=int, default=SCREEN_FLASH_REPEATS, help="of each kind")
    station = commands.add_parser(
        "station", help="whole attempts by the daemon, 24 hubs beside one, and its memory"
    )
    profile = commands.add_parser(
        "profile",
        help="where the processor time of an upload goes",
        description="Example: python -m benchmarks profile --framing raw --out build/profile.folded; then draw it: "
        "flamegraph.pl build/profile.folded > profile.svg, or open it in speedscope",
    )
    profile.add_argument("--slots", type=int, default=defaults.slots)
    profile.add_argument("--baud", type=int, default=defaults.baud)
    profile.add_argument("--window", type=int, default=defaults.window)
    profile.add_argument("--framing", choices=("console", "raw"), default=defaults.framing)
    profile.add_argument("--repeats", type=int, default=PROFILE_REPEATS)
    profile.add_argument("--out", type=Path, default=Path("build/profile.folded"), help="file of the stacks")
    calls = commands.add_parser(
        "calls", help="how many calls and system calls a chunk and a hub take, against the committed baseline"
    )
    calls.add_argument("--write", action="store_true", help="make what is counted the baseline")
    for command in (upload, usb, usb_return, stalled, station):
        command.add_argument(
            "--repeats",
            type=int,
            default=RETURN_REPEATS if command is usb_return else OTHER_REPEATS,
            help="the one least disturbed by other programs counts",
        )
    everything = commands.add_parser(
        "all", help="all rows, in some 25 minutes; writes performance.md and performance.json"
    )
    everything.add_argument(
        "--resume",
        action="store_true",
        help=f"keep the rows of a run that was broken off ({_KEPT}), of the same code",
    )
    everything.add_argument("--out", type=Path, default=_DOCS, help="folder to write to (docs)")
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="print each row as a line of JSON")
    return parser


def _one_row(options: argparse.Namespace) -> Coroutine[Any, Any, list[Figures] | Figures]:
    peer = None if getattr(options, "peer", "none") == "none" else options.peer
    match options.command:
        case "upload":
            workload = Workload(
                slots=options.slots,
                baud=options.baud,
                profile=options.profile,
                framing=options.framing,
                input_timeout=options.input_timeout,
                bit_errors=options.bit_errors,
                image_kib=options.image_kib,
                erase_ms_per_page=options.erase_ms_per_page,
                write_us_per_byte=options.write_us_per_byte,
            )
            return upload_rows(
                workload, (options.window,), None if options.bit_errors else peer, options.repeats
            )
        case "profile":
            profiled = Workload(
                slots=options.slots, baud=options.baud, window=options.window, framing=options.framing
            )
            return profile_row(profiled, options.repeats, options.out)
        case "usb":
            usb_workload = UsbWorkload(
                devices=options.devices,
                transfer_size=options.transfer_size,
                image_kib=options.image_kib,
                erase_ms_per_page=options.erase_ms_per_page,
                write_us_per_byte=options.write_us_per_byte,
            )
            return usb_row(usb_workload, peer, options.repeats)
        case "usb-return":
            return usb_return_row(options.devices, options.repeats)
        case "stalled":
            return stalled_row(STALLED, options.repeats)
        case "board":
            return board_row(options.jigs, options.seconds)
        case "journal":
            if options.hubs:
                return journal_years_row(options.hubs, options.week)
            return journal_row(options.events)
        case "calls":
            return calls_row()
        case "reports":
            return reports_row(options.hubs, options.repeats, options.seconds)
        case "desk":
            return desk_row(options.hubs, options.repeats, options.seconds)
        case "screen":
            return screen_row(options.repeats, options.seconds)
        case "screen-flash":
            return screen_flash_row(options.repeats)
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
        if name in {"slots", "window", "devices", "repeats", "jigs", "events", "hubs"} and value is not None
    ]
    if any(count < 1 for count in counts):
        parser.error("slots, window, devices, repeats, jigs, events and hubs are at least 1")
    tell = (lambda row: print(json.dumps(row), flush=True)) if options.json else _print_row
    try:
        if options.command == "all":
            if not options.resume:
                _KEPT.unlink(missing_ok=True)
            rows = asyncio.run(all_rows(tell, _KEPT))
            write_report(options.out, rows)
            _KEPT.unlink()
        else:
            found = asyncio.run(_one_row(options))
            rows = found if isinstance(found, list) else [found]
            for row in rows:
                tell(row)
    except (BenchmarkFailed, KeyboardInterrupt) as error:
        sys.stderr.write(f"python -m benchmarks: {str(error) or 'broken off'}\n")
        if options.command == "all":
            sys.stderr.write("what was measured is kept; go on with: python -m benchmarks all --resume\n")
        return 1
    if options.command == "calls":
        if options.write:
            write_baseline(rows[0])
        for line in (grown := above_baseline(rows[0])):
            sys.stderr.write(f"python -m benchmarks: {line}\n")
        return int(bool(grown))
    return 0 if all(row["valid"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
