"""Where a USB device is plugged in: a bus and a chain of port numbers. Never its address, product or serial number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_PLACE: Final = re.compile(r"(?P<bus>[1-9]\d{0,4})-(?P<ports>[1-9]\d{0,2}(?:\.[1-9]\d{0,2}){0,6})", re.ASCII)


class PlaceError(ValueError):
    """A text names no USB place; the message says what was found and what a place looks like."""


@dataclass(frozen=True, slots=True, order=True)
class UsbPlace:
    """A place in the tree of USB hubs."""

    bus: int
    ports: tuple[int, ...]
    """From the root hub outwards."""

    @classmethod
    def parse(cls, text: str) -> UsbPlace:
        """Read a place as Linux writes it (`1-2.3`: bus 1, port 2 of its root hub, port 3 of the hub there)."""
        match = _PLACE.fullmatch(text.strip())
        if match is None:
            raise PlaceError(
                f"{text[:40]!r} is no USB place (bus and ports as `lsusb -t` shows them, such as 1-2.3)"
            )
        return cls(int(match["bus"]), tuple(int(port) for port in match["ports"].split(".")))

    def is_behind(self, other: UsbPlace) -> bool:
        """Whether this place is on a hub that is plugged in at the other, directly or further out."""
        depth = len(other.ports)
        return self.bus == other.bus and len(self.ports) > depth and self.ports[:depth] == other.ports

    def __str__(self) -> str:
        return f"{self.bus}-{'.'.join(str(port) for port in self.ports)}"
