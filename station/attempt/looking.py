"""Asking the attempt's own hub, and no other: who answers, and whether it may go home as it is."""

from __future__ import annotations

from drivers.errors import HubAction
from drivers.hub import DeviceIdentity, ExpectedDevice, HubDriver
from firmware_catalog.image import FirmwareImage
from station.attempt.parts import StageFault
from station.domain.outcome import Code


async def identify(driver: HubDriver, hub: ExpectedDevice) -> DeviceIdentity:
    """Ask who is there, and insist on this hub. Raises AnotherHub, and what the driver raises."""
    return insist_on(hub, await driver.identify(), driver)


def insist_on(hub: ExpectedDevice, seen: DeviceIdentity, driver: HubDriver) -> DeviceIdentity:
    """Return who was seen, if it is this hub. Raises AnotherHub."""
    hub.require(seen, place=driver.place, action=HubAction.IDENTIFY)
    return seen


async def agree(driver: HubDriver, hub: ExpectedDevice, image: FirmwareImage) -> DeviceIdentity:
    """Return what the hub that runs the image says of itself now: its version, and locked.

    Raises StageFault where it says otherwise, AnotherHub, and what the driver raises.
    """
    seen = await identify(driver, hub)
    if seen.firmware != image.version:
        raise StageFault(
            Code.VERSION_MISMATCH, f"it says {seen.firmware}, the image is {image.version}", final=False
        )
    if not seen.locked:
        raise StageFault(Code.NOT_LOCKED, "it should have locked itself at its boot", final=True)
    return seen


async def read_back(driver: HubDriver, hub: ExpectedDevice, image: FirmwareImage) -> DeviceIdentity:
    """Hold the hub against all that is asked of one that goes home, and return what it says of itself.

    It is this hub, from the first question to the last; it runs the image, confirmed, with nothing pending, and is
    locked. Raises as `agree`.
    """
    before = await identify(driver, hub)
    state = await driver.verify(hub, image)
    if state.running is None or not state.running.confirmed or state.pending is not None:
        raise StageFault(Code.NOT_CONFIRMED, "the next boot would change what it runs", final=False)
    seen = await agree(driver, hub, image)
    if seen.boots != before.boots:
        # Booted by itself, or taken out and seated again: another hub may have answered in between.
        raise StageFault(Code.NOT_CONFIRMED, "it booted while it was read back", final=False)
    return seen
