"""Devices on a simulated USB that are no hubs, or break every rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulators.usbip.device import (
    Descriptors,
    Transfer,
    make_configuration,
    make_device_descriptor,
    make_interface,
)
from simulators.usbip.server import Port

SOUND = "09210be80300041001"
"""A functional descriptor that says what can be."""
NOT_TOLERANT = "092109e80300041001"
"""One that says that its device talks no more after a download, until it is reset."""


class Stranger:
    """A device that answers class and vendor requests by one rule."""

    def __init__(self, rule: Callable[[Transfer], None]) -> None:
        self.control = rule

    def bus_reset(self) -> None:
        pass


def stall(transfer: Transfer) -> None:
    transfer.stall()


def keep_silent(_: Transfer) -> None:
    pass


def answer_noise(transfer: Transfer) -> None:
    transfer.complete(b"\xff" * 5)


def describe(
    functional: str, triple: tuple[int, int, int] = (0xFE, 1, 1), device_class: int = 0
) -> Descriptors:
    device = bytearray(
        make_device_descriptor(vendor=0x1209, product=0x00AA, release=0x0100, strings=(0, 0, 0))
    )
    device[4] = device_class
    interface = make_interface(0, 0, triple)
    return Descriptors(bytes(device), make_configuration(interface + bytes.fromhex(functional), 1))


@dataclass(frozen=True)
class Kind:
    """A kind of stranger."""

    descriptors: Descriptors
    rule: Callable[[Transfer], None]


KEYBOARD = Kind(describe("", triple=(3, 1, 1)), stall)
USB_HUB = Kind(describe("", device_class=9), stall)
STALLS_EVERYTHING = Kind(describe(SOUND), stall)
SILENT = Kind(describe(SOUND), keep_silent)
NOISY = Kind(describe(SOUND), answer_noise)
ZERO_TRANSFER_SIZE = Kind(describe("09210be80300001001"), stall)


def attach(port: Port, kind: Kind) -> None:
    """Plug a stranger in."""
    port.attach(kind.descriptors, Stranger(kind.rule))
