"""What the hubs of a carton have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from firmware_catalog.identity import FirmwareVersion, OpaqueName


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

    def __str__(self) -> str:
        return f"{self.owner}, {self.manufacturer}/{self.model} {self.variant}, firmware {self.firmware}"
