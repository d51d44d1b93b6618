"""Every row of `docs/performance.md`, one after the other. They take some 25 minutes, and are kept as they come."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.board import board_row
from benchmarks.clients import SMPCLIENT
from benchmarks.desk import DESK_REPEATS, DESK_SECONDS, HUBS_AN_ORDER, desk_row
from benchmarks.journal import journal_row
from benchmarks.report import Figures
from benchmarks.screen import SCREEN_REPEATS, SCREEN_SECONDS, screen_row
from benchmarks.stalled import stalled_row
from benchmarks.station import station_row
from benchmarks.upload import upload_rows
from benchmarks.usb import usb_row
from benchmarks.usb_return import usb_return_row
from benchmarks.usb_workload import PYDFUUTIL, UsbWorkload
from benchmarks.workload import Workload
from firmware_catalog.files import replace_file
from station.throughput.wire import Framing

REPEATS = {115_200: 1, 921_600: 3, 3_000_000: 5}
"""By line rate, of rows that have to reach something. The shorter an upload, the more a moment's disturbance weighs in it."""
REPEATS_BESIDE = {115_200: 1, 921_600: 1, 3_000_000: 2}
"""Of the rows that stand beside them."""
IMAGE_KIB = {115_200: 96, 921_600: 256, 3_000_000: 256}
"""By line rate: on a slow line less is as long, and start and end still weigh less than 1 of 100."""
OTHER_REPEATS = 3
"""Of the other rows that compare two short runs."""
RETURN_REPEATS = 5
"""Of USB hubs' going and coming back, which takes a second."""

FRAMINGS: tuple[Framing, ...] = ("console", "raw")
BIT_ERRORS = (1e-7, 1e-6)
"""Wrong bits a byte: a line beside a radio terminal, and one that wants repair."""

USB_BLOCKS = ((1024, 10.0), (4096, 10.0), (1024, 0.0))
"""Bytes, and milliseconds that a page's erasing takes: the shorter the hub's part, the more the host's weighs."""

BOARD_SECONDS = 20.0
JOURNAL_EVENTS = 1_000_000
STALLED = Workload(image_kib=448)
"""Long enough that the station finds the port stalled, and acts on it, while the others still upload."""


Measure = Callable[[], Awaitable[Figures | list[Figures]]]


async def all_rows(on_row: Callable[[Figures], None], kept: Path) -> list[Figures]:
    """Measure everything, telling each row as soon as it is there. What is in `kept` already is not measured again."""
    found = _held(kept)
    rows: list[Figures] = []
    for name, measure in _everything():
        if name not in found:
            measured = await measure()
            found[name] = measured if isinstance(measured, list) else [measured]
            _hold(kept, found)
        for row in found[name]:
            rows.append(row)
            on_row(row)
    return rows


def _held(kept: Path) -> dict[str, list[Figures]]:
    rows: dict[str, list[Figures]] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    return rows


def _hold(kept: Path, rows: dict[str, list[Figures]]) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    replace_file(kept, json.dumps(rows).encode())


def _everything() -> Iterator[tuple[str, Measure]]:
    """Yield what is measured, by a name of its own."""
    for baud, repeats in REPEATS.items():
        for profile in ("default", "zephyr"):
            for slots in (1, 8, 24):
                workload = Workload(slots=slots, baud=baud, profile=profile, image_kib=IMAGE_KIB[baud])
                judged = (slots, profile) == (24, "default")
                times = repeats if judged else REPEATS_BESIDE[baud]
                yield (
                    f"upload {baud} {profile} {slots}",
                    partial(upload_rows, workload, (4, 1), SMPCLIENT, times),
                )
    for baud, repeats in REPEATS.items():
        raw = Workload(baud=baud, framing="raw", image_kib=IMAGE_KIB[baud])
        yield f"upload {baud} raw", partial(upload_rows, raw, (4,), SMPCLIENT, repeats)
    for bit_errors in BIT_ERRORS:
        for framing in FRAMINGS:
            lossy = Workload(framing=framing, bit_errors=bit_errors)
            yield f"lossy {framing} {bit_errors}", partial(upload_rows, lossy, (4,), None, 1)
    instant = Workload(baud=3_000_000, write_us_per_byte=0.0)
    yield "upload instant", partial(upload_rows, instant, (4, 1), SMPCLIENT, REPEATS_BESIDE[instant.baud])
    yield "board", partial(board_row, 3, BOARD_SECONDS)
    yield "stalled", partial(stalled_row, STALLED, OTHER_REPEATS)
    yield "station", partial(station_row, OTHER_REPEATS)
    yield "journal", partial(journal_row, JOURNAL_EVENTS)
    yield "desk", partial(desk_row, HUBS_AN_ORDER, DESK_REPEATS, DESK_SECONDS)
    yield "screen", partial(screen_row, SCREEN_REPEATS, SCREEN_SECONDS)
    for devices in (1, 24):
        yield f"usb return {devices}", partial(usb_return_row, devices, RETURN_REPEATS)
    for transfer_size, erase_ms in USB_BLOCKS:
        for devices in (1, 8, 24):
            usb = UsbWorkload(devices=devices, transfer_size=transfer_size, erase_ms_per_page=erase_ms)
            yield f"usb {devices} {transfer_size} {erase_ms}", partial(usb_row, usb, PYDFUUTIL, OTHER_REPEATS)
