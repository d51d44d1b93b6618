"""A hub's printed label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from firmware_catalog.identity import Eui64


class HasBothIds(Protocol):
    """Whatever names a hub by both of its devices: the hub itself, what the journal knows of it, an order's line."""

    @property
    def chf(self) -> Eui64:
        """Its Communications Hub Function."""

    @property
    def gpf(self) -> Eui64:
        """Its Gas Proxy Function."""


@dataclass(frozen=True, slots=True)
class ScannedLabel:
    """An id read from a hub's printed label, and which of the hub's two devices it names, where that is known."""

    device_id: Eui64
    role: Literal["CHF", "GPF"] | None = None

    def names(self, hub: HasBothIds) -> bool:
        """Whether the label belongs to this hub."""
        ids = {"CHF": (hub.chf,), "GPF": (hub.gpf,), None: (hub.chf, hub.gpf)}[self.role]
        return self.device_id in ids


def told_apart(one: Eui64, other: Eui64) -> tuple[str, str]:
    """Return what of two ids people compare: their last six digits, or as much of their beginnings as tells them apart."""
    first, second = str(one), str(other)
    if first[-8:] != second[-8:]:
        return f"…{first[-8:]}", f"…{second[-8:]}"
    length = next((count for count in (8, 11) if first[:count] != second[:count]), 14)
    return f"{first[:length]}…", f"{second[:length]}…"
