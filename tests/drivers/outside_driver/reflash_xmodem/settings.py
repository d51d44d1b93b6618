"""What can be configured of a jig with such hubs."""

from __future__ import annotations

from pydantic import Field

from drivers.serial_link import SerialSettings


class XmodemSettings(SerialSettings):
    """A jig's `driver_settings`."""

    answer_seconds: float = Field(
        default=1.0, gt=0, description="How long the loader may take to answer a line or a block."
    )
    attempts: int = Field(
        default=3,
        ge=1,
        le=10,
        description="How often a line or block is sent before the hub counts as silent.",
    )
    erase_seconds: float = Field(
        default=20.0, gt=0, description="How long the loader may take to erase its spare bank."
    )
    return_seconds: float = Field(
        default=60.0, gt=0, description="How long a hub may take from a boot to its first answer."
    )
    removal_seconds: float = Field(
        default=2.0, gt=0, description="A hub that has not answered for this long has been removed."
    )
    probe_seconds: float = Field(
        default=0.5, gt=0, description="How long one look for a hub waits for its answer."
    )
