"""What a carton holds: hubs of one kind, or one premises' set of bridges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from firmware_catalog.devices import BridgeType, Family
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion, OpaqueName


@dataclass(frozen=True, slots=True)
class Packed:
    """What of a device is packed."""

    model: DeviceModel
    variant: str
    """A bridge's type."""
    firmware: FirmwareVersion
    """What it said last that it runs."""


class Contents(BaseModel):
    """Which kind of hubs a carton holds: all of them are of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str
    """The party that they go back to."""
    manufacturer: OpaqueName
    model: OpaqueName
    variant: str
    firmware: FirmwareVersion
    """What each of them said last that it runs."""

    @property
    def family(self) -> Family:
        """Of which all of them are."""
        return Family.HUB

    @property
    def packed(self) -> tuple[Packed, ...]:
        """The one kind."""
        return (Packed(DeviceModel(self.manufacturer, self.model), self.variant, self.firmware),)

    def of(self, _: Eui64) -> Packed:
        """Return the kind of one of them."""
        return self.packed[0]

    def fills(self, capacity: int) -> int:
        """Return how many of them fill a carton of this capacity."""
        return capacity

    def is_with(self, other: Holding) -> bool:
        """Whether the other may be in the same carton."""
        return self == other

    def __str__(self) -> str:
        return f"{self.owner}, {self.manufacturer}/{self.model} {self.variant}, firmware {self.firmware}"


class PackedBridge(BaseModel):
    """One bridge of a set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device_id: Eui64
    bridge_type: BridgeType
    manufacturer: OpaqueName
    model: OpaqueName
    firmware: FirmwareVersion
    """What it said last that it runs."""

    @property
    def packed(self) -> Packed:
        """What of it is packed."""
        return Packed(DeviceModel(self.manufacturer, self.model), self.bridge_type.value, self.firmware)


class SetContents(BaseModel):
    """The bridges of one premises: a set has a carton of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str
    """The party that they go back to."""
    premises: str
    bridges: Annotated[tuple[PackedBridge, ...], Field(min_length=1)]
    """Those of the set that go home: all of them, unless a supervisor parted it."""

    @property
    def family(self) -> Family:
        """Of which all of them are."""
        return Family.BRIDGE

    @property
    def packed(self) -> tuple[Packed, ...]:
        """What of each is packed."""
        return tuple(bridge.packed for bridge in self.bridges)

    def of(self, device: Eui64) -> Packed | None:
        """Return what of one of them is packed; None where it is none of them."""
        return next((each.packed for each in self.bridges if each.device_id == device), None)

    def fills(self, capacity: int) -> int:
        """Return how many of them fill a carton of this capacity."""
        return min(capacity, len(self.bridges))

    def is_with(self, other: Holding) -> bool:
        """Whether the other may be in the same carton."""
        return isinstance(other, SetContents) and (self.owner, self.premises) == (other.owner, other.premises)

    def __str__(self) -> str:
        return f"{self.owner}, the set of premises {self.premises}"


Holding = Annotated[Contents | SetContents, Field(union_mode="left_to_right")]
"""What a carton holds."""

_HOLDING: Final[TypeAdapter[Holding]] = TypeAdapter(Holding)


def read_holding(text: str) -> Holding:
    """Read it from the JSON that it was written as."""
    return _HOLDING.validate_json(text)
