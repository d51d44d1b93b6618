"""What the conformance suite wants of a simulated hub, over whatever it is reached."""

from __future__ import annotations

import hashlib

from drivers.conformance.device import DeviceUnderTest, Inspection
from simulators.faults import Fault, FaultName, SlotFaults
from simulators.flash import FlashArea
from simulators.hub import Hub
from simulators.image import find_image


class SimulatedDevice(DeviceUnderTest):
    """The hub's own part. Its bench, which is software, too, sets `hub` and `faults`."""

    hub: Hub
    faults: SlotFaults

    async def silence(self) -> None:
        self.faults.arm(Fault(name=FaultName.LOSE_REQUEST, times=1_000_000))

    async def speak(self) -> None:
        self.faults.disarm()

    async def exchange_at_next_boot(self) -> None:
        self.faults.arm(Fault(name=FaultName.ANOTHER_HUB))

    async def vanish_at_next_boot(self) -> None:
        self.faults.arm(Fault(name=FaultName.NO_ANSWER))

    async def inspect(self) -> Inspection:
        running = _sha256(self.hub.layout.primary)
        assert running is not None, "a hub is never left without an image"
        return Inspection(running, _sha256(self.hub.layout.secondary), self.hub.lock.wrong_answers)


def _sha256(area: FlashArea) -> bytes | None:
    """What is in a slot, read from the flash itself."""
    image = find_image(area)
    return None if image is None else hashlib.sha256(area.read(0, image.size)).digest()
