"""One hub of a work order."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

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
