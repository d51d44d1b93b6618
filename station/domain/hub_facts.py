"""What a hub, or a bridge, said of itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from firmware_catalog.devices import BridgeId, BridgeType, HubIds
from firmware_catalog.identity import Eui64, FirmwareVersion


class HubFacts(BaseModel):
    """Who a hub said it was when the attempt was opened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chf: Eui64
    gpf: Eui64
    manufacturer: str
    model: str
    hardware_version: str
    variant: str
    firmware: FirmwareVersion
    locked: bool
    boots: int

    @property
    def device_id(self) -> Eui64:
        """The id that it is known by."""
        return self.chf

    @property
    def ids(self) -> HubIds:
        """Which hub it is."""
        return HubIds(self.chf, self.gpf)


class BridgeFacts(BaseModel):
    """Who a bridge said it was when the attempt was opened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device_id: Eui64
    bridge_type: BridgeType
    manufacturer: str
    model: str
    hardware_version: str
    firmware: FirmwareVersion
    locked: bool
    boots: int

    @property
    def ids(self) -> BridgeId:
        """Which bridge it is."""
        return BridgeId(self.device_id, self.bridge_type)


DeviceFacts = Annotated[HubFacts | BridgeFacts, Field(union_mode="left_to_right")]
