"""One hub of a work order."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from firmware_catalog.identity import Eui64, FirmwareVersion, OpaqueName

_IF_STATED: Final[Any] = Field(default=None, exclude_if=lambda value: value is None)
"""Of a column that an order file may leave out."""


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
    device_type: str | None = _IF_STATED
    chts_version: str | None = _IF_STATED
    """Of the Communications Hub Technical Specifications: 1 to 20 characters, e.g. `CHTS V1.4`."""
