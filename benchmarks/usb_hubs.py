"""The process of the USB hubs, run by `benchmarks.usb_bench`.

It takes its task as one JSON argument and prints the port of its USB/IP server when the hubs have booted. To each
line on its input it answers with the seconds that each hub was last off the bus, and it ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import random
import selectors
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from simulators.dfu_device import DfuInterface
from simulators.dfu_profile import DfuProfile
from simulators.faults import Fault, SlotFaults
from simulators.flash import FlashTiming
from simulators.hub import Hub, HubBuild, Mode
from simulators.keys import load_private_key
from simulators.population import make_hubs
from simulators.usbip.server import Port, serve


@dataclass(frozen=True, slots=True)
class HubsTask:
    """Which hubs to serve."""

    places: tuple[str, ...]
    transfer_size: int
    erase_page: float
    write_byte: float
    slot_pages: int
    maker_key: str
    unlock_key: str


async def _run(task: HubsTask) -> None:
    maker, unlock = (load_private_key(Path(file)) for file in (task.maker_key, task.unlock_key))
    build = HubBuild(
        maker.public_key(),
        unlock.public_key(),
        slot_pages=task.slot_pages,
        flash_timing=FlashTiming(task.erase_page, task.write_byte),
    )
    # pydfuutil waits a second longer for a manifestation than the hub asks, and not for one that takes no time.
    profile = DfuProfile(transfer_size=task.transfer_size, manifestation=0.0)
    hubs = [hub for _, hub in make_hubs(range(1, 2), len(task.places), build, maker, seed=7)]
    async with serve(task.places) as server:
        ports = [server.ports[place] for place in task.places]
        lives = [asyncio.create_task(_live(*each, profile)) for each in zip(hubs, ports, strict=True)]
        for hub in hubs:
            await hub.reach(Mode.APPLICATION)
        print(json.dumps({"port": server.address[1]}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps([port.came - port.left for port in ports]), flush=True)
        for life in lives:
            life.cancel()
            with suppress(asyncio.CancelledError):
                await life


async def _live(hub: Hub, port: Port, profile: DfuProfile) -> None:
    faults = SlotFaults(1, 1, random.Random())  # noqa: S311 - a simulator's
    await hub.run(DfuInterface(port, profile, faults, _no_fault), faults)


def _no_fault(_: Fault) -> None:
    """Nothing: none is armed."""


def _exact_loop() -> asyncio.AbstractEventLoop:
    """Return a loop with timers as fine as the hubs' times: epoll, the usual one, waits for whole milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=_exact_loop) as runner:
        runner.run(_run(HubsTask(**json.loads(sys.argv[1]))))
