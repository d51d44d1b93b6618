"""What is measured on USB, in full, and what the measured process is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.report import Figures
from benchmarks.usb_bus import Download, HubFlash

PYDFUUTIL: Final = "pydfuutil"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbWorkload:
    """One image to each of so many hubs at once, each on a bus of its own."""

    devices: int = 24
    transfer_size: int = 1024
    """Bytes a block."""
    image_kib: int = 448
    erase_ms_per_page: float = 10.0
    """As the simulated hub erases unless told otherwise. It does so block by block, and no host can hide it."""
    write_us_per_byte: float = 1.5

    @property
    def flash(self) -> HubFlash:
        """The hubs' flash."""
        return HubFlash(self.erase_ms_per_page / 1e3, self.write_us_per_byte / 1e6)

    def download(self, image_bytes: int) -> Download:
        """What one hub has to be sent."""
        return Download(image_bytes, self.transfer_size, self.flash)

    def figures(self) -> Figures:
        """Return the whole of it for a row."""
        return {
            "devices": self.devices,
            "transfer_size": self.transfer_size,
            "erase_ms_per_page": self.erase_ms_per_page,
            "write_us_per_byte": self.write_us_per_byte,
        }


@dataclass(frozen=True, slots=True)
class UsbTask:
    """What to upload, where, and with which client."""

    client: str
    places: tuple[str, ...]
    port: int
    """The USB/IP server's."""
    image: str
    unlock_key: str
    tick_seconds: float
