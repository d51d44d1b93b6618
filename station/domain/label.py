"""A hub's printed label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from firmware_catalog.devices import DeviceIds, HubIds
from firmware_catalog.identity import Eui64


class HasIds(Protocol):
    """Whatever names a device by all of its ids: itself, what the journal knows of it, an order's line."""

    @property
    def ids(self) -> DeviceIds:
        """Which it is."""


@dataclass(frozen=True, slots=True)
class ScannedLabel:
    """An id read from a printed label, and which of a hub's two devices it names, where that is known.

    A bridge's label carries its one id, and names no role.
    """

    device_id: Eui64
    role: Literal["CHF", "GPF"] | None = None

    def names(self, hub: HasIds) -> bool:
        """Whether the label belongs to this hub, or bridge."""
        return self.names_ids(hub.ids)

    def names_ids(self, ids: DeviceIds) -> bool:
        """Whether it belongs to the one with these ids."""
        match self.role, ids:
            case None, _:
                return self.device_id in ids.every
            case "CHF", HubIds(chf=own):
                return self.device_id == own
            case "GPF", HubIds(gpf=own):
                return self.device_id == own
            case _:
                return False


def told_apart(one: Eui64, other: Eui64) -> tuple[str, str]:
    """Return what of two ids people compare: their last six digits, or as much of their beginnings as tells them apart."""
    first, second = str(one), str(other)
    if first[-8:] != second[-8:]:
        return f"…{first[-8:]}", f"…{second[-8:]}"
    length = next((count for count in (8, 11) if first[:count] != second[:count]), 14)
    return f"{first[:length]}…", f"{second[:length]}…"
