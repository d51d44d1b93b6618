"""What the jigs of the demonstration are connected by."""

from __future__ import annotations

from enum import StrEnum


class Transport(StrEnum):
    """As the simulated rigs know it: `mixed` puts every second jig on USB."""

    SERIAL = "serial"
    USB = "usb"
    MIXED = "mixed"
