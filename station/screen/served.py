"""What the screen serves, and where: what its program is begun with."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from station.web.address import Address


class Served(BaseModel):
    """What is served, and where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    desk: Path
    reports: Path
    address: Address
    sign_on: bool
    socket: int
    """Descriptor of the one that has the address' port already."""
