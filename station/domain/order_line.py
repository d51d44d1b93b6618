"""One hub, or bridge, of a work order."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from firmware_catalog.devices import BridgeId, BridgeType, HubIds
from firmware_catalog.identity import Eui64, FirmwareVersion, OpaqueName
from station.domain.if_any import IF_ANY


class OrderLine(BaseModel):
    """One hub of a work order, as the order file states it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chf: Eui64
    gpf: Eui64
    manufacturer: OpaqueName
    model: OpaqueName
    region: str
    variant: str
    recorded_firmware: FirmwareVersion
    inventory_status: str
    owner: str
    # Columns that an order file may leave out.
    device_type: str | None = IF_ANY
    chts_version: str | None = IF_ANY
    """Of the Communications Hub Technical Specifications: 1 to 20 characters, e.g. `CHTS V1.4`."""

    @property
    def device_id(self) -> Eui64:
        """The id that it is known by."""
        return self.chf

    @property
    def ids(self) -> HubIds:
        """Which hub it is."""
        return HubIds(self.chf, self.gpf)


class BridgeLine(BaseModel):
    """One bridge of a work order, as the order file states it. Bridges are in no inventory, so no status is stated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device_id: Eui64
    bridge_type: BridgeType
    premises: str
    """Whose set it is one of, as opaque text."""
    set_members: int
    """So many bridges the set has."""
    manufacturer: OpaqueName
    model: OpaqueName
    recorded_firmware: FirmwareVersion
    owner: str

    @property
    def variant(self) -> str:
        """Its type, where a hub's line has its HAN variant."""
        return self.bridge_type.value

    @property
    def ids(self) -> BridgeId:
        """Which bridge it is."""
        return BridgeId(self.device_id, self.bridge_type)


ListedDevice = Annotated[OrderLine | BridgeLine, Field(union_mode="left_to_right")]
"""What an order lists. Hubs and bridges are never on one order."""

_LISTED: Final[TypeAdapter[ListedDevice]] = TypeAdapter(ListedDevice)


def read_line(text: str) -> ListedDevice:
    """Read a line from the JSON that it was written as."""
    return _LISTED.validate_json(text)
