"""A hub on USB: its running application offers DFU, and goes to DFU mode as another product when told to detach.

Going to DFU mode is no boot; leaving it, by a bus reset, is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from simulators.dfu_modes import ApplicationMode, DfuMode, ModeParts, Turn
from simulators.dfu_profile import DfuProfile
from simulators.faults import Fault, SlotFaults
from simulators.hub import Hub, Mode
from simulators.hub_requests import Job
from simulators.usbip.device import Descriptors, Function


class BusPort(Protocol):
    """Where a device appears on the bus and vanishes from it."""

    def attach(self, descriptors: Descriptors, function: Function) -> None:
        """Let a device appear."""
        ...

    def detach(self) -> None:
        """Let it vanish."""
        ...


class DfuInterface:
    """The USB side of the hub in one port."""

    def __init__(
        self, port: BusPort, profile: DfuProfile, faults: SlotFaults, perform: Callable[[Fault], None]
    ) -> None:
        self._port = port
        self._profile = profile
        self._faults = faults
        self._perform = perform

    async def hears_request(self, seconds: float) -> bool:
        """Let the time pass: a boot loader is not on the bus, so nothing can trap it."""
        await asyncio.sleep(seconds)
        return False

    async def serve(self, hub: Hub) -> None:
        """Serve the booted hub until it is told to boot."""
        in_dfu_mode = hub.mode is Mode.RECOVERY
        while True:
            jobs: asyncio.Queue[Job | Turn] = asyncio.Queue()
            parts = ModeParts(hub, self._profile, self._faults, self._perform, jobs)
            face = DfuMode(parts) if in_dfu_mode else ApplicationMode(parts)
            self._port.attach(face.descriptors, face)
            try:
                turn = await _work(jobs)
            finally:
                self._port.detach()
            if turn is Turn.BOOT:
                return
            in_dfu_mode = not in_dfu_mode
            await asyncio.sleep(self._profile.off_the_bus)


async def _work(jobs: asyncio.Queue[Job | Turn]) -> Turn:
    """Do one job after the other, as a hub's main loop does, until it is time to leave the bus."""
    while True:
        job = await jobs.get()
        if isinstance(job, Turn):
            return job
        await job()
