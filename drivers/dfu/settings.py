"""What can be configured of USB DFU. Every time limit that depends on size is derived here."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

_MEBIBYTE: Final = 1 << 20


class DfuSettings(BaseModel):
    """A jig's `driver_settings` for USB DFU."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Literal["libusb", "usbip"] = Field(
        default="libusb", description="How USB is reached: this machine's own ports, or a USB/IP server."
    )
    usbip_host: str = Field(default="127.0.0.1", description="Where the USB/IP server is, for `usbip`.")
    usbip_port: int = Field(default=3240, ge=1, le=65535, description="Its TCP port, for `usbip`.")
    alternate: int = Field(
        default=0,
        ge=0,
        le=255,
        description="Alternate setting of the DFU interface that holds the image slot.",
    )
    transfer_seconds: float = Field(
        default=2.0,
        gt=0,
        le=5.0,
        description="How long one control transfer may take. A cancelled slot is free again after at most this.",
    )
    longest_poll_seconds: float = Field(
        default=60.0,
        gt=0,
        description="A hub that asks to be left alone for longer (bwPollTimeout) is not believed.",
    )
    write_seconds_per_mebibyte: float = Field(
        default=600.0,
        gt=0,
        description="Longest time to download 1 MiB, erasing included.",
    )
    manifestation_seconds: float = Field(
        default=60.0, gt=0, description="How long a hub may take to check and accept a downloaded image."
    )
    command_seconds: float = Field(
        default=5.0, gt=0, description="How long a hub may take over a command that erases nothing."
    )
    erase_seconds: float = Field(
        default=60.0, gt=0, description="How long a hub may take to erase the slot that is not running."
    )
    return_seconds: float = Field(
        default=60.0,
        gt=0,
        description="How long a hub may take to be back on the bus, a swap of images included.",
    )
    removal_seconds: float = Field(
        default=2.0, gt=0, description="A hub that has been off the bus for this long has been removed."
    )
    poll_seconds: float = Field(
        default=0.25,
        ge=0.01,
        le=5.0,
        description="How often a place is looked at while it waits for a hub and no event tells of changes.",
    )
    can_revert: bool = Field(
        default=True,
        description="Whether the boot loader swaps images and gives up an unconfirmed one at the next boot.",
    )

    def download_seconds(self, size: int) -> float:
        """Return the deadline of a download of `size` bytes."""
        return self.command_seconds + self.write_seconds_per_mebibyte * size / _MEBIBYTE
