"""Every row of `docs/performance.md`, one after the other."""

from __future__ import annotations

from collections.abc import Callable

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

REPEATS = {115_200: 1, 921_600: 3, 3_000_000: 5}
"""By line rate. The shorter an upload, the more a moment's disturbance weighs in it."""
OTHER_REPEATS = 3
"""Of the other rows that compare two short runs."""
RETURN_REPEATS = 5
"""Of USB hubs' going and coming back, which takes a second."""

BIT_ERRORS = (1e-7, 1e-6)
"""Wrong bits a byte: a line beside a radio terminal, and one that wants repair."""

USB_BLOCKS = ((1024, 10.0), (4096, 10.0), (1024, 0.0))
"""Bytes, and milliseconds that a page's erasing takes: the shorter the hub's part, the more the host's weighs."""

BOARD_SECONDS = 20.0
JOURNAL_EVENTS = 1_000_000
STALLED = Workload(image_kib=448)
"""Long enough that the station finds the port stalled, and acts on it, while the others still upload."""


async def all_rows(on_row: Callable[[Figures], None]) -> list[Figures]:
    """Measure everything, telling each row as soon as it is there."""
    rows: list[Figures] = []

    def keep(*found: Figures) -> None:
        for row in found:
            rows.append(row)
            on_row(row)

    for baud, repeats in REPEATS.items():
        for profile in ("default", "zephyr"):
            for slots in (1, 8, 24):
                workload = Workload(slots=slots, baud=baud, profile=profile)
                keep(*await upload_rows(workload, (4, 1), SMPCLIENT, repeats))
    for baud, repeats in REPEATS.items():
        keep(*await upload_rows(Workload(baud=baud, framing="raw"), (4,), SMPCLIENT, repeats))
    for bit_errors in BIT_ERRORS:
        for framing in ("console", "raw"):
            keep(*await upload_rows(Workload(framing=framing, bit_errors=bit_errors), (4,), None, 1))
    instant = Workload(baud=3_000_000, write_us_per_byte=0.0)
    keep(*await upload_rows(instant, (4, 1), SMPCLIENT, REPEATS[instant.baud]))
    keep(await board_row(3, BOARD_SECONDS))
    keep(await stalled_row(STALLED, OTHER_REPEATS))
    keep(await station_row(OTHER_REPEATS))
    keep(await journal_row(JOURNAL_EVENTS))
    keep(await desk_row(HUBS_AN_ORDER, DESK_REPEATS, DESK_SECONDS))
    keep(await screen_row(SCREEN_REPEATS, SCREEN_SECONDS))
    for devices in (1, 24):
        keep(await usb_return_row(devices, RETURN_REPEATS))
    for transfer_size, erase_ms in USB_BLOCKS:
        for devices in (1, 8, 24):
            usb = UsbWorkload(devices=devices, transfer_size=transfer_size, erase_ms_per_page=erase_ms)
            keep(await usb_row(usb, PYDFUUTIL, OTHER_REPEATS))
    return rows
