"""What is measured, in full: a figure without its workload means nothing."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.report import Figures
from simulators.smp_line import PROFILES
from station.throughput.wire import Framing, ceiling

SLOTS_A_JIG = 8
_PAGE_SIZE = 4096
_IMAGE_SLOT_SPARE = 32 * 1024
"""For the image's header and TLVs, and for the boot loader's own marks at the slot's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One image to each of so many hubs at once."""

    slots: int = 24
    baud: int = 921_600
    window: int = 4
    """Chunks under way that the driver is allowed; the hub's buffers may allow fewer."""
    profile: str = "default"
    """The hubs' packet buffers, by the simulator's name."""
    framing: Framing = "console"
    """As the hubs were built, and the clients are told."""
    input_timeout: float = 3.0
    """Seconds after which a hub drops half a raw packet: Zephyr's, unless it is built otherwise."""
    bit_errors: float = 0.0
    """Wrong bits, so many a byte on the line, both ways. Without the peer, which gives up at the first."""
    image_kib: int = 256
    erase_ms_per_page: float = 0.0
    """0 unless asked for: a hub erases once, before the first chunk, and no client can hide or shorten that."""
    write_us_per_byte: float = 1.5
    """As the simulated hub writes unless told otherwise: a window hides it behind the line, one chunk alone cannot."""

    @property
    def window_used(self) -> int:
        """Chunks under way, once the hub has told its buffers: requests share them with one answer."""
        return max(1, min(self.window, PROFILES[self.profile].buf_count - 1))

    @property
    def ceiling(self) -> float:
        """Image bytes a second that the line could carry to one hub."""
        return ceiling(self.baud, PROFILES[self.profile].buf_size, self.framing)

    @property
    def image_slot_bytes(self) -> int:
        """Room for an image in each hub: the simulator's usual 512 KiB, or enough for a larger one."""
        return slot_pages(self.image_kib) * _PAGE_SIZE

    @property
    def jigs(self) -> tuple[int, ...]:
        """Slots of each jig, jigs of eight as far as they go."""
        full, rest = divmod(self.slots, SLOTS_A_JIG)
        return (SLOTS_A_JIG,) * full + ((rest,) if rest else ())

    def figures(self) -> Figures:
        """Return the whole of it for a row."""
        buffers = PROFILES[self.profile]
        return {
            "slots": self.slots,
            "baud": self.baud,
            "window": self.window,
            "window_used": self.window_used,
            "profile": self.profile,
            "framing": self.framing,
            "bit_errors": self.bit_errors,
            "buf_size": buffers.buf_size,
            "buf_count": buffers.buf_count,
            "erase_ms_per_page": self.erase_ms_per_page,
            "write_us_per_byte": self.write_us_per_byte,
        }


def slot_pages(image_kib: int) -> int:
    """Return how many pages an image slot needs: the simulator's usual 128, or enough for a larger image."""
    return max(128, -(-(image_kib * 1024 + _IMAGE_SLOT_SPARE) // _PAGE_SIZE))
