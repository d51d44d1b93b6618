"""What USB allows: the time that a download takes of a host that wastes none.

Written from the specifications and not from the driver, which is what it judges, nor from the simulated bus.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_BITS_A_SECOND: Final = 12_000_000
_PACKET: Final = 64
"""Bytes of data in a packet of the largest size on a full-speed endpoint 0 (USB 2.0, 5.5.3)."""
_OVERHEAD: Final = 45
"""Bytes' time of a control transfer with one packet of data, without the data (USB 2.0, table 5-2)."""
_PACKET_OVERHEAD: Final = 13
"""Bytes' time of a packet of data, without the data: token, handshake and what is between (USB 2.0, table 5-9)."""
_STATUS: Final = 6
"""Bytes of the answer to DFU_GETSTATUS (DFU 1.1, 6.1.2)."""


def control_seconds(data: int) -> float:
    """Return how long a control transfer with so many bytes of data takes: setup, data and status stage."""
    packets = -(-data // _PACKET)
    return (_OVERHEAD + (packets - 1) * _PACKET_OVERHEAD + data) * 8 / _BITS_A_SECOND


@dataclass(frozen=True, slots=True)
class HubFlash:
    """How long a hub's flash takes, in seconds."""

    erase_page: float
    """A page is erased when the first byte for it has come, and the slot's last page with the first block."""
    write_byte: float
    page_size: int = 4096

    def block_seconds(self, offset: int, size: int) -> float:
        """Return how long it takes over a block."""
        pages = -(-(offset + size) // self.page_size) - -(-offset // self.page_size)
        return (pages + (offset == 0)) * self.erase_page + size * self.write_byte


@dataclass(frozen=True, slots=True)
class Download:
    """An image for one hub, on a full-speed bus that carries nothing else."""

    size: int
    block_size: int
    flash: HubFlash

    @property
    def seconds(self) -> float:
        """The limit: the bus's time and the hub's, of which nothing overlaps."""
        return self.bus_seconds + sum(self._poll_seconds())

    @property
    def bus_seconds(self) -> float:
        """The bus's part.

        For each block DFU_DNLOAD, DFU_GETSTATUS, and after the time that the hub asks for DFU_GETSTATUS again; a hub
        that has nothing left to do asks for none, and says so at once. At the end DFU_DNLOAD without data, and
        DFU_GETSTATUS.
        """
        full, rest = divmod(self.size, self.block_size)
        data = full * control_seconds(self.block_size) + (control_seconds(rest) if rest else 0)
        asked = sum(2 if poll else 1 for poll in self._poll_seconds())
        return data + control_seconds(0) + (asked + 1) * control_seconds(_STATUS)

    def _poll_seconds(self) -> Iterator[float]:
        """What the hub asks for after each block (bwPollTimeout): its flash's time, in whole milliseconds."""
        for offset in range(0, self.size, self.block_size):
            size = min(self.block_size, self.size - offset)
            yield math.ceil(self.flash.block_seconds(offset, size) * 1e3) / 1e3
