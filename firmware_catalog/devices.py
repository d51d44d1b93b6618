"""What kinds of devices come to the bench, and by which ids each is known.

A Communications Hub is two devices, CHF and GPF. A P2P Alt HAN bridge is one device of one of four types; two or three
of them are installed to a premises (DCC's draft Modification Report on Alt HAN firmware). Nothing of one family is ever
for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from firmware_catalog.identity import Eui64


class Family(StrEnum):
    """The two families of devices."""

    HUB = "hub"
    BRIDGE = "bridge"


class BridgeType(StrEnum):
    """The four types of bridges."""

    B1 = "B1"
    B2 = "B2"
    B3 = "B3"
    B4 = "B4"


class DeviceKind(StrEnum):
    """For what firmware is made: hubs, or bridges of one type."""

    HUB = "hub"
    B1 = "B1"
    B2 = "B2"
    B3 = "B3"
    B4 = "B4"

    @property
    def family(self) -> Family:
        """Of which family it is."""
        return Family.HUB if self is DeviceKind.HUB else Family.BRIDGE

    @property
    def plural(self) -> str:
        """Several of them, in words."""
        return "hubs" if self is DeviceKind.HUB else f"bridges of type {self.value}"


@dataclass(frozen=True, slots=True)
class HubIds:
    """A hub's two ids. Neither is ever derived from the other."""

    chf: Eui64
    gpf: Eui64

    @property
    def device_id(self) -> Eui64:
        """The one that it is known by."""
        return self.chf

    @property
    def every(self) -> tuple[Eui64, ...]:
        """All that it has, the one that it is known by first."""
        return self.chf, self.gpf

    @property
    def kind(self) -> DeviceKind:
        """What it is."""
        return DeviceKind.HUB

    def __str__(self) -> str:
        return f"hub {self.chf}"


@dataclass(frozen=True, slots=True)
class BridgeId:
    """A bridge's one id, and its type, which no bridge changes."""

    device_id: Eui64
    bridge_type: BridgeType

    @property
    def every(self) -> tuple[Eui64, ...]:
        """All that it has."""
        return (self.device_id,)

    @property
    def kind(self) -> DeviceKind:
        """What it is."""
        return DeviceKind(self.bridge_type)

    def __str__(self) -> str:
        return f"bridge {self.device_id}"


DeviceIds = HubIds | BridgeId
"""Which device. Whoever asks for more than `device_id`, `every` and `kind` has to say what of either family."""


def difference(seen: DeviceIds, meant: DeviceIds, place: str) -> str | None:
    """Say in one line in what the device at a place is not the one that is meant; None where it is by all its ids."""
    if seen == meant:
        return None
    if seen.device_id != meant.device_id:
        return f"{seen} answers at {place}, not {meant.device_id}"
    if seen.kind != meant.kind:
        return f"{seen} at {place} is one of the {seen.kind.plural}, not of the {meant.kind.plural}"
    match seen, meant:
        case HubIds(gpf=answers), HubIds(gpf=awaited):
            return f"{seen} at {place} has the GPF {answers}, not {awaited}"
        case _:
            raise AssertionError(f"{seen} and {meant} differ in nothing")


def gpf_of(ids: DeviceIds) -> Eui64 | None:
    """Return a hub's GPF id; None for a bridge, which has none."""
    return ids.gpf if isinstance(ids, HubIds) else None


def bridge_type_of(ids: DeviceIds) -> BridgeType | None:
    """Return a bridge's type; None for a hub."""
    return ids.bridge_type if isinstance(ids, BridgeId) else None
