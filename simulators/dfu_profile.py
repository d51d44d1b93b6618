"""What a model of hub is like on USB, and what it says of itself there."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from simulators.usbip.device import (
    Descriptors,
    make_configuration,
    make_device_descriptor,
    make_interface,
)

LOCKED_STRING: Final = 4
"""The index of the string that says why a locked hub refuses."""

_STRINGS: Final = ("Simulated hubs", "Communications Hub", "Image slot", "locked")
_IMAGE_SLOT_STRING: Final = 3
_SERIAL_STRING: Final = 5


@dataclass(frozen=True, slots=True)
class DfuProfile:
    """How a model of hub does DFU."""

    vendor: int = 0x1209
    """pid.codes, whose products 1 and following are for tests."""
    application_product: int = 0x0001
    dfu_product: int = 0x0002
    transfer_size: int = 1024
    will_detach: bool = True
    """It leaves the bus by itself after DFU_DETACH; otherwise it waits for a bus reset."""
    manifestation_tolerant: bool = True
    """It still talks after manifestation; otherwise it waits for a bus reset, having marked the image for a
    test."""
    can_upload: bool = True
    hub_commands: bool = True
    """It has the hub commands and a lock; otherwise it is a plain DFU device, which keeps what it is given."""
    detach_milliseconds: int = 1000
    off_the_bus: float = 0.1
    """Seconds between two modes."""
    manifestation: float = 0.05
    """Seconds."""


DFU_PROFILES: Final = {
    "default": DfuProfile(),
    "bus-reset": DfuProfile(will_detach=False, manifestation_tolerant=False),
    "plain": DfuProfile(hub_commands=False),
}
"""By name: a hub that does all by itself, one that waits for a bus reset wherever DFU lets it, and no hub at all."""


def describe(profile: DfuProfile, chf: bytes, *, dfu_mode: bool) -> Descriptors:
    """Return the descriptors of a hub in one of its modes (USB DFU 1.1, 4.1 and 4.2)."""
    attributes = (
        0x01 | 0x02 * profile.can_upload | 0x04 * profile.manifestation_tolerant | 0x08 * profile.will_detach
    )
    functional = struct.pack(
        "<BBBHHH", 9, 0x21, attributes, profile.detach_milliseconds, profile.transfer_size, 0x0110
    )
    interface = make_interface(0, 0, (0xFE, 1, 2 if dfu_mode else 1), _IMAGE_SLOT_STRING)
    serial = 0 if dfu_mode else _SERIAL_STRING
    return Descriptors(
        device=make_device_descriptor(
            vendor=profile.vendor,
            product=profile.dfu_product if dfu_mode else profile.application_product,
            release=0x0100,
            strings=(1, 2, serial),
        ),
        configuration=make_configuration(interface + functional, 1),
        strings=(*_STRINGS, chf.hex().upper()),
    )
