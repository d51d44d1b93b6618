"""What a hub said of itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

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
