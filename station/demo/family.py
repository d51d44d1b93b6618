"""What the demonstration's jigs work on."""

from __future__ import annotations

from enum import StrEnum


class DemoFamily(StrEnum):
    """Which family of devices is shown."""

    HUB = "hub"
    BRIDGE = "bridge"
    MIXED = "mixed"
    """Every second jig has bridges, on an order of their own."""

    def has_bridges(self, jig: int) -> bool:
        """Whether this jig works on bridges."""
        return self is DemoFamily.BRIDGE or (self is DemoFamily.MIXED and jig % 2 == 0)

    @property
    def device(self) -> str:
        """What one of what is on the jigs is called."""
        return "device" if self is DemoFamily.MIXED else self.value
