"""What the conformance suite wants of a simulated hub, over whatever it is reached."""

from __future__ import annotations

import asyncio
import hashlib
from abc import abstractmethod
from dataclasses import replace

from drivers.conformance.device import DeviceUnderTest, Difference, Inspection
from simulators.faults import Fault, FaultName, Occasion, SlotFaults
from simulators.flash import FlashArea
from simulators.hub import Hub, Mode, Nameplate
from simulators.image import find_image
from simulators.slots import Chunk, ImageError, ImageRefused, Taken


class WatchedHub(Hub):
    """Counts what it is told that would change it; can be made to refuse to say who it is, or to talk nonsense."""

    changes = 0
    refuses = False

    @property
    def nameplate(self) -> Nameplate:
        if self.refuses:
            raise ImageRefused(ImageError.INVALID_SLOT)
        return self._nameplate

    @nameplate.setter
    def nameplate(self, nameplate: Nameplate) -> None:
        self._nameplate = nameplate

    def note_deed(self, deed: str) -> None:
        self.changes += 1
        super().note_deed(deed)

    async def take_chunk(self, chunk: Chunk) -> Taken:
        self.changes += 1
        return await super().take_chunk(chunk)

    async def mark(self, image_hash: bytes, *, permanent: bool) -> None:
        self.changes += 1
        await super().mark(image_hash, permanent=permanent)

    async def confirm(self) -> None:
        self.changes += 1
        await super().confirm()

    async def erase(self, slot: int = 1) -> None:
        self.changes += 1
        await super().erase(slot)

    def twin(self, nameplate: Nameplate) -> WatchedHub:
        """Another hub, which holds and runs what this one does."""
        twin = WatchedHub(nameplate, self.build, seed=8)
        twin.flash.program(0, self.flash.read(0, self.flash.size))
        return twin


class SimulatedDevice(DeviceUnderTest):
    """The hub's own part. Its bench, which is software, too, sets `hub` and `faults`."""

    hub: WatchedHub
    faults: SlotFaults
    changing: tuple[Occasion, ...]
    """The requests by which it is changed."""
    _hands: asyncio.Task[None] | None = None

    @abstractmethod
    async def take_out(self) -> None:
        """Take out the hub that sits there, if it does."""

    @abstractmethod
    def put_in(self, hub: WatchedHub) -> None:
        """Seat another one."""

    async def exchange(self, difference: Difference) -> None:
        await self.take_out()
        before = self.hub.nameplate
        match difference:
            case Difference.IDS:
                plate = replace(before, chf=b"another!", gpf=None if before.gpf is None else b"otherGPF")
            case Difference.GPF:
                plate = replace(before, gpf=b"otherGPF")
            case Difference.TYPE:
                plate = replace(before, bridge_type="B1")
            case Difference.MODEL:
                plate = replace(before, model="00000012")
        other = self.hub.twin(plate)
        # What it holds is for the first one's model, and it would not run it; but it tells of it all the same.
        other._is_for_this_model = lambda _: True  # type: ignore[method-assign, assignment]
        self.put_in(other)
        await other.reach(Mode.APPLICATION)
        other.lock.is_open = True
        other.changes = 0
        self.hub = other

    async def exchange_at_next_change(self) -> None:
        for occasion in self.changing:
            self.faults.arm(Fault(name=FaultName.UNPLUG_HUB, on=occasion))
        self._hands = asyncio.create_task(self._exchange_when_gone(self.hub))

    async def _exchange_when_gone(self, hub: Hub) -> None:
        await hub.reach(Mode.OFF)
        self.faults.disarm()
        await self.exchange(Difference.IDS)

    async def rest(self) -> None:
        """End what the hands do."""
        if self._hands is not None and not self._hands.done():
            self._hands.cancel()
            await asyncio.wait([self._hands])

    async def refuse(self) -> None:
        self.hub.refuses = True

    async def garble(self) -> None:
        self.hub.nameplate = replace(self.hub.nameplate, chf=b"short")

    async def silence(self) -> None:
        self.faults.arm(Fault(name=FaultName.LOSE_REQUEST, times=1_000_000))

    async def speak(self) -> None:
        self.faults.disarm()
        self.hub.refuses = False

    async def exchange_at_next_boot(self) -> None:
        self.faults.arm(Fault(name=FaultName.ANOTHER_HUB))

    async def vanish_at_next_boot(self) -> None:
        self.faults.arm(Fault(name=FaultName.NO_ANSWER))

    async def inspect(self) -> Inspection:
        if self._hands is not None:
            async with asyncio.timeout(self.patience):
                await self._hands
        running = _sha256(self.hub.layout.primary)
        assert running is not None, "a hub is never left without an image"
        return Inspection(
            running, _sha256(self.hub.layout.secondary), self.hub.lock.wrong_answers, self.hub.changes
        )


def _sha256(area: FlashArea) -> bytes | None:
    """What is in a slot, read from the flash itself."""
    image = find_image(area)
    return None if image is None else hashlib.sha256(area.read(0, image.size)).digest()
