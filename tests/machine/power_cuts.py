"""Power cuts at random instants of a shift: the virtual PC is killed, switched on again, and its books are held against the hubs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench_life import (
    REFLASH,
    Bench,
    bench,
    close_the_day,
    configure_commands,
    held_against_each_other,
    inventory_leaves,
    make_stick,
    ports,
    ready,
)
from chaos_books import Findings
from debian_image import DebianImage, folder_from_disk
from debian_root import installed
from virtual_pc import STICK, VirtualPc, virtual_pc

from station.demo.scene import ORDER

_LATEST_SECONDS: Final = 120.0
"""A cut comes at most so long after the boot before it: in the station's start, or in the shift."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One power cut."""

    number: int
    after_seconds: float
    """After the PC was up."""
    boot_seconds: float
    """Until it was up again: an emulated processor's."""
    out: int
    """Hubs that had left with their result."""


async def cut_again_and_again(
    image: DebianImage,
    package: Path,
    folder: Path,
    *,
    hubs: int,
    cuts: int,
    seed: int,
    seconds: float,
    tell: Callable[[Cut], None],
) -> Findings:
    """Cut the power so often, or for so long, then let the shift end. Return what does not agree after it.

    Raises TimeoutError where the PC does not come up again.
    """
    chance = random.Random(seed)
    number = 0
    async with bench(folder, hubs, seed) as table:
        disk = installed(image, package, folder)
        stick = make_stick(folder, table.scene, {})
        async with virtual_pc(disk, folder / "pc", stick, ports(table.scene)) as pc:
            await pc.boot()
            await pc.run(configure_commands(), seconds=900)
            await ready(pc)
            await inventory_leaves(pc)
            await pc.run(f"{REFLASH} orders import {STICK}/{ORDER}.csv --jig jig1")
            await table.seat_again()
            end = time.monotonic() + seconds
            while number < cuts and time.monotonic() < end:
                number += 1
                tell(await _cut(pc, table, number, chance.uniform(0, _LATEST_SECONDS)))
            await ready(pc)
            await table.work(pc, len(table.done) + table.scene.slots)  # whatever was cut off has ended
            received = await close_the_day(pc)
            await pc.shut_down()
        backup = folder_from_disk(folder / "pc" / "disk", "/srv/backup", folder)
        return held_against_each_other(table, await table.rigs.hubs(), backup / "journal", received)


async def _cut(pc: VirtualPc, table: Bench, number: int, after: float) -> Cut:
    working = asyncio.create_task(table.work(pc, len(table.scene.hubs)))
    await asyncio.sleep(after)  # any instant: none is waited for
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await pc.cut_power()
    begun = time.monotonic()
    await pc.boot()
    return Cut(number, round(after, 1), round(time.monotonic() - begun, 1), len(table.done))
