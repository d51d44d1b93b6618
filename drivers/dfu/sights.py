"""What can be seen of USB places without opening anything: the `PlaceFinder` of the DFU driver."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

from pydantic import BaseModel

from drivers.dfu.bus import BEHIND_A_USB_HUB, InterfaceKind, Sighting, UsbBus, open_bus, usb_hub_line
from drivers.dfu.hotplug import HotPlug
from drivers.dfu.place import PlaceError, UsbPlace
from drivers.dfu.protocol import DFU_CLASS, DfuMode
from drivers.dfu.settings import DfuSettings
from drivers.dfu.work import Work, Worker
from drivers.errors import HubAction, LinkLost
from drivers.places import PlaceSight, WrongPlace
from drivers.topology import USB_PREFIX, unavailable

_CLASSES: Final = {
    0x01: "audio",
    0x02: "communications",
    0x03: "human interface",
    0x07: "printer",
    0x08: "mass storage",
    0x0A: "communications data",
    0x0E: "video",
    0xE0: "wireless",
    0xFE: "application specific",
    0xFF: "vendor specific",
}
"""Of interfaces, as the USB-IF's "Defined Class Codes" name them; others are shown as numbers."""


class UsbPlaces:
    """The USB places of this machine, or of the USB/IP server that the settings name."""

    def check_place(self, place: str) -> None:
        """Raise WrongPlace for what is no bus and chain of ports."""
        try:
            parse_place(place)
        except PlaceError as error:
            raise WrongPlace(str(error)) from error

    async def see_place(self, place: str, settings: BaseModel) -> PlaceSight | None:
        """Return what is plugged in at a place. Raises PlaceUnavailable without libusb, or without a server."""
        try:
            wanted = parse_place(place)
        except PlaceError as error:
            raise unavailable(str(error)) from error
        sights = await self.find_places(settings)
        return next((sight for sight in sights if parse_place(sight.place) == wanted), None)

    async def find_places(
        self, settings: BaseModel, *, beyond: Collection[PlaceSight] = (), seconds: float = 0.0
    ) -> tuple[PlaceSight, ...]:
        """Return what is plugged in anywhere; with `seconds`, wait for something new that does DFU.

        Raises PlaceUnavailable without libusb, or without a server.
        """
        dfu = DfuSettings.model_validate(settings.model_dump())
        bus = open_bus(dfu, None)
        hotplug = HotPlug(dfu.poll_seconds, listen=bus.tells_changes)
        worker = Worker("usb sights")
        deadline = time.monotonic() + seconds
        try:
            while True:
                sights = await worker.run(
                    Work("USB", HubAction.OPEN, dfu.command_seconds), lambda _: survey(bus)
                )
                left = deadline - time.monotonic()
                if left <= 0 or any(sight.may_be_hub and sight not in beyond for sight in sights):
                    return sights
                await hotplug.wait(left)
        except LinkLost as error:
            raise unavailable(error.happened, error.advice) from error
        finally:
            hotplug.close()
            worker.close()
            bus.close()

    def advice_on_reset(self, settings: BaseModel) -> str:
        """Tell what resets a device from what should leave it alone."""
        if DfuSettings.model_validate(settings.model_dump()).backend == "usbip":
            return "over USB/IP a device that is let go is reset; if this one does not boot by that, check its supply"
        return "closing a USB device resets nothing: check its cable and its supply"


def parse_place(place: str) -> UsbPlace:
    """Read a place as a configuration writes it, with or without `usb:`. Raises PlaceError."""
    if place.startswith("/"):
        raise PlaceError(
            f"{place[:40]!r} is a path and no USB place: give bus and ports as `lsusb -t` shows them,"
            f" such as {USB_PREFIX}1-2.3"
        )
    return UsbPlace.parse(place.removeprefix(USB_PREFIX))


def survey(bus: UsbBus) -> tuple[PlaceSight, ...]:
    """Return what is plugged in, in the order of the places. Blocks. Raises LinkLost."""
    found = bus.survey()
    return tuple(
        _sight(
            bus, sighting, kinds, [other.place for other, _ in found if other.place.is_behind(sighting.place)]
        )
        for sighting, kinds in sorted(found, key=lambda each: each[0].place)
    )


def _sight(
    bus: UsbBus, sighting: Sighting, kinds: tuple[InterfaceKind, ...], behind: list[UsbPlace]
) -> PlaceSight:
    place = f"{USB_PREFIX}{sighting.place}"
    ids = f"{sighting.vendor:04x}:{sighting.product:04x}"
    modes = {protocol for *kind, protocol in kinds if tuple(kind) == DFU_CLASS}
    does_dfu = not modes.isdisjoint(DfuMode) and not behind and not sighting.is_usb_hub
    if behind or sighting.is_usb_hub:
        is_what = "a USB hub"
        hindrance: str | None = f"{usb_hub_line(place, behind)}: {BEHIND_A_USB_HUB}"
    elif does_dfu:
        is_what = "in DFU mode" if DfuMode.DFU in modes else "DFU"
        denial = bus.denial(sighting, HubAction.OPEN)
        hindrance = None if denial is None else denial.what
    else:
        classes = sorted({_CLASSES.get(kind[0], f"class {kind[0]:02x}") for kind in kinds})
        is_what = " and ".join(classes) or "no interfaces"
        hindrance = f"a device {ids} ({is_what}) sits at {place} and does no DFU: take it out and seat a hub"
    return PlaceSight(
        place=place,
        what=f"{ids} at {place} ({is_what})",
        may_be_hub=does_dfu,
        is_occupant=True,
        hindrance=hindrance,
        node=bus.node(sighting),
        appearance=sighting.address,
    )
