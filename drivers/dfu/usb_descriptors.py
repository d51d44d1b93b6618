"""USB's standard descriptors, taken apart into the objects that pyusb asks a backend for.

Layouts: USB 2.0, 9.6. What stands behind a descriptor and is of no kind known here belongs to it, as in libusb.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

DEVICE_KIND: Final = 1
CONFIGURATION_KIND: Final = 2
_INTERFACE_KIND: Final = 4
_ENDPOINT_KIND: Final = 5

_DEVICE: Final = struct.Struct("<BBHBBBBHHHBBBB")
_DEVICE_FIELDS: Final = (
    "bLength",
    "bDescriptorType",
    "bcdUSB",
    "bDeviceClass",
    "bDeviceSubClass",
    "bDeviceProtocol",
    "bMaxPacketSize0",
    "idVendor",
    "idProduct",
    "bcdDevice",
    "iManufacturer",
    "iProduct",
    "iSerialNumber",
    "bNumConfigurations",
)
_CONFIGURATION: Final = struct.Struct("<BBHBBBBB")
_CONFIGURATION_FIELDS: Final = (
    "bLength",
    "bDescriptorType",
    "wTotalLength",
    "bNumInterfaces",
    "bConfigurationValue",
    "iConfiguration",
    "bmAttributes",
    "bMaxPower",
)
_INTERFACE: Final = struct.Struct("<9B")
_INTERFACE_FIELDS: Final = (
    "bLength",
    "bDescriptorType",
    "bInterfaceNumber",
    "bAlternateSetting",
    "bNumEndpoints",
    "bInterfaceClass",
    "bInterfaceSubClass",
    "bInterfaceProtocol",
    "iInterface",
)
_ENDPOINT: Final = struct.Struct("<BBBBHB")
_ENDPOINT_FIELDS: Final = (
    "bLength",
    "bDescriptorType",
    "bEndpointAddress",
    "bmAttributes",
    "wMaxPacketSize",
    "bInterval",
)

DEVICE_SIZE: Final = _DEVICE.size
CONFIGURATION_SIZE: Final = _CONFIGURATION.size


class MalformedDescriptor(ValueError):
    """The bytes are no descriptor of the kind asked for. The message says what they are."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration."""

    descriptor: SimpleNamespace
    interfaces: list[list[SimpleNamespace]]
    """By interface, then by setting, in the order of their first appearance."""


def parse_device(raw: bytes) -> SimpleNamespace:
    """Read a device descriptor. Raises MalformedDescriptor."""
    if len(raw) < DEVICE_SIZE or raw[1] != DEVICE_KIND:
        raise MalformedDescriptor(f"the device descriptor is {raw.hex() or 'empty'}")
    return _described(_DEVICE_FIELDS, _DEVICE, raw)


def total_length(head: bytes) -> int:
    """Return how long a configuration is with all that it holds. Raises MalformedDescriptor."""
    if len(head) < CONFIGURATION_SIZE or head[0] < CONFIGURATION_SIZE or head[1] != CONFIGURATION_KIND:
        raise MalformedDescriptor(f"the configuration descriptor is {head.hex() or 'empty'}")
    return int.from_bytes(head[2:4], "little")


def parse_configuration(raw: bytes) -> Configuration:
    """Read a configuration with all that it holds, up to the first descriptor that is cut or has no length.

    Raises MalformedDescriptor when not even the configuration itself is whole.
    """
    total_length(raw)
    owner = _described(_CONFIGURATION_FIELDS, _CONFIGURATION, raw)
    configuration = Configuration(owner, [])
    settings: dict[int, list[SimpleNamespace]] = {}
    endpoints: list[SimpleNamespace] | None = None
    position = raw[0]
    while position + 2 <= len(raw):
        size, kind = raw[position], raw[position + 1]
        piece = raw[position : position + size]
        if size < 2 or len(piece) < size:
            break
        if kind == _INTERFACE_KIND and size >= _INTERFACE.size:
            owner = _described(_INTERFACE_FIELDS, _INTERFACE, piece)
            owner.endpoints = endpoints = []
            if owner.bInterfaceNumber not in settings:
                settings[owner.bInterfaceNumber] = []
                configuration.interfaces.append(settings[owner.bInterfaceNumber])
            settings[owner.bInterfaceNumber].append(owner)
        elif kind == _ENDPOINT_KIND and size >= _ENDPOINT.size and endpoints is not None:
            owner = _described(_ENDPOINT_FIELDS, _ENDPOINT, piece)
            # Two more bytes, which only audio devices' endpoints have.
            owner.bRefresh, owner.bSynchAddress = (piece[7:9].ljust(2, b"\0"))[:2]
            endpoints.append(owner)
        else:
            owner.extra_descriptors.extend(piece)
        position += size
    return configuration


def _described(fields: tuple[str, ...], layout: struct.Struct, raw: bytes) -> SimpleNamespace:
    values: tuple[Any, ...] = layout.unpack_from(raw)
    return SimpleNamespace(**dict(zip(fields, values, strict=True)), extra_descriptors=[])
