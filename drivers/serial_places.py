"""Serial ports as a driver's places: the `PlaceFinder` of every driver whose settings are `SerialSettings`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from drivers.places import PlaceSight, WrongPlace
from drivers.threads import apart
from drivers.topology import (
    USB_PREFIX,
    NothingThere,
    SerialPort,
    SerialPorts,
    fault_in_place,
    same_place,
    unavailable,
)

BY_PATH: Final = Path("/dev/serial/by-path")
"""Where udev keeps links that are named after the sockets."""


class SerialPlaces:
    """The USB serial adapters of this machine, or the ports that a folder has links to."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def check_place(self, place: str) -> None:
        """Raise WrongPlace for what is neither a path nor a USB location."""
        if (fault := fault_in_place(place)) is not None:
            raise WrongPlace(fault)

    async def see_place(self, place: str, settings: BaseModel) -> PlaceSight | None:  # noqa: ARG002 -- the protocol's
        """Return the port at a place, None if none is. Raises PlaceUnavailable for an ambiguous one."""

        def look() -> PlaceSight | None:
            ports = SerialPorts()
            try:
                return _sight(place, ports.resolve(place), ports)
            except NothingThere:
                return None

        return await apart(f"look at {place}", look)

    async def find_places(
        self,
        settings: BaseModel,  # noqa: ARG002 -- the protocol's
        *,
        beyond: Collection[PlaceSight] = (),  # noqa: ARG002 -- the same
        seconds: float = 0.0,  # noqa: ARG002 -- the same
    ) -> tuple[PlaceSight, ...]:
        """Return the ports, at once: they are there whether hubs sit behind them or not.

        Raises PlaceUnavailable when there is none.
        """
        return await apart("look for serial ports", self._all)

    def advice_on_reset(self, settings: BaseModel) -> str:  # noqa: ARG002 -- the protocol's
        """Name the settings that keep a board's reset line still."""
        return "set dtr = false, or rts = false, in the jig's driver_settings and check again"

    def _all(self) -> tuple[PlaceSight, ...]:
        ports = SerialPorts()
        folder = self._folder or (BY_PATH if BY_PATH.is_dir() else None)
        if folder is not None:
            return tuple(_sight(place, ports.resolve(place), ports) for place in _links_in(folder))
        found = tuple(
            _sight(f"{USB_PREFIX}{port.usb.interface}", port, ports) for port in ports.all() if port.usb
        )
        if not found:
            raise unavailable("no USB serial adapter was found", "plug the adapters in")
        return found


def _links_in(folder: Path) -> tuple[str, ...]:
    """Return the links to serial ports in a folder, one for each port."""
    by_device: dict[str, str] = {}
    try:
        links = sorted(folder.iterdir())
    except OSError as error:
        raise unavailable(f"{folder}: {error.strerror}; name the folder of the ports' links") from error
    for link in links:
        if link.is_char_device():
            by_device.setdefault(same_place(str(link)), str(link))
    if not by_device:
        raise unavailable(f"{folder} has no link to a serial port", "plug the adapters in")
    return tuple(by_device.values())


def _sight(place: str, port: SerialPort, ports: SerialPorts) -> PlaceSight:
    denial = ports.denial(port.device)
    return PlaceSight(
        place=place,
        what=str(port),
        may_be_hub=True,
        is_occupant=False,
        hindrance=denial and f"{port.device} may not be opened by this user: {denial}",
        node=port.device,
    )
