"""A NOR flash chip: erased a page at a time, written by clearing bits, at its own pace, and hurt by power loss.

What is modelled is what a boot loader's safety rests on: erasing sets all bits of a page, writing only clears
bits, both take time, and either of them, cut short by loss of power, leaves cells in between.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

ERASED = 0xFF
"""What an erased cell reads as."""

_SHORTEST_SLEEP = 0.001
"""Seconds. Shorter waits are added up, because a timer costs the host more than the hub would take."""


class FlashError(Exception):
    """The chip could not do it: outside its cells, off a page's edge, or into cells that are not erased."""


class PowerLost(Exception):
    """The power went while the chip was busy. `seconds` until it returns; None when it does not by itself."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__("power lost")
        self.seconds = seconds


class Operation(Enum):
    """What changes cells."""

    ERASE = auto()
    WRITE = auto()


@dataclass(frozen=True, slots=True)
class FlashTiming:
    """How long the chip takes, in seconds. The defaults are those of a common serial NOR flash, rounded."""

    erase_page: float = 0.010
    write_byte: float = 0.0000015


@dataclass(frozen=True, slots=True)
class Interruption:
    """Power is to go after this share (0 to 1) of an operation, and to return after `seconds`."""

    share: float
    seconds: float | None = None


OperationHook = Callable[[Operation], Interruption | None]
"""Asked before each operation. May raise FlashError to make the operation fail without touching a cell."""


def _never(_: Operation) -> Interruption | None:
    return None


class NorFlash:
    """The cells of one chip. Cancelling an operation is the power going in the middle of it."""

    def __init__(
        self,
        pages: int,
        page_size: int = 4096,
        timing: FlashTiming | None = None,
        seed: int = 0,
        on_operation: OperationHook = _never,
    ) -> None:
        self.page_size = page_size
        self.size = pages * page_size
        self.timing = timing or FlashTiming()
        self.on_operation = on_operation
        self.erasing = False
        """While a page is erased, code in the same chip stands still."""
        self._cells = bytearray([ERASED]) * self.size
        self._random = random.Random(seed)
        self._owed = 0.0
        self.seconds_erasing = 0.0
        """In all erasures so far."""

    def copy(self) -> NorFlash:
        """Return a chip with the same cells that takes no time and meets no faults: to try something out."""
        pages = self.size // self.page_size
        twin = NorFlash(pages, self.page_size, FlashTiming(erase_page=0.0, write_byte=0.0))
        twin.program(0, bytes(self._cells))
        return twin

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes. Raises FlashError outside the chip."""
        self._check_range(offset, length)
        return bytes(self._cells[offset : offset + length])

    async def erase(self, offset: int, length: int) -> None:
        """Set all cells of whole pages. Raises FlashError off a page's edge, PowerLost when interrupted."""
        self._check_range(offset, length)
        if offset % self.page_size or length % self.page_size:
            raise FlashError(f"erase of {length} bytes at {offset} is not on page edges ({self.page_size})")
        interruption = self.on_operation(Operation.ERASE)
        self.erasing = True
        begun = time.monotonic()
        try:
            share, cut = await self._take(length // self.page_size * self.timing.erase_page, interruption)
        finally:
            self.erasing = False
            self.seconds_erasing += time.monotonic() - begun
        done = int(length * share)
        self._cells[offset : offset + done] = bytes([ERASED]) * done
        if cut is not None:
            # The page under work is neither old nor erased.
            edge = min(offset + length, (offset + done) // self.page_size * self.page_size + self.page_size)
            for cell in range(offset + done, edge):
                self._cells[cell] |= self._random.getrandbits(8)
        if cut is not None:
            raise cut

    async def write(self, offset: int, data: bytes) -> None:
        """Clear bits. Raises FlashError when a bit would have to be set, PowerLost when interrupted.

        As on a real chip the cells then hold old AND new.
        """
        self._check_range(offset, len(data))
        interruption = self.on_operation(Operation.WRITE)
        share, cut = await self._take(len(data) * self.timing.write_byte, interruption)
        done = int(len(data) * share)
        clean = self._clear_bits(offset, data[:done])
        if cut is not None:
            if done < len(data):
                half_done = data[done] | self._random.getrandbits(8)
                self._clear_bits(offset + done, bytes([half_done]))
            raise cut
        if not clean:
            raise FlashError(f"write of {len(data)} bytes at {offset} met cells that were not erased")

    def program(self, offset: int, data: bytes) -> None:
        """Set cells to `data` at once, as the factory's programmer does before the hub has ever had power."""
        self._check_range(offset, len(data))
        self._cells[offset : offset + len(data)] = data

    def _clear_bits(self, offset: int, data: bytes) -> bool:
        """Write, and say whether the cells now hold `data`."""
        end = offset + len(data)
        old = self._cells[offset:end]
        if old.count(ERASED) == len(data):
            self._cells[offset:end] = data
            return True
        merged = bytes(a & b for a, b in zip(old, data, strict=True))
        self._cells[offset:end] = merged
        return merged == data

    async def _take(
        self, seconds: float, interruption: Interruption | None
    ) -> tuple[float, BaseException | None]:
        """Let the operation's time pass; return the share of it that got done, and what cut it short."""
        share = 1.0 if interruption is None else interruption.share
        cut = None if interruption is None else PowerLost(interruption.seconds)
        self._owed += seconds * share
        if self._owed < _SHORTEST_SLEEP:
            return share, cut
        started = time.monotonic()
        owed = self._owed
        try:
            await asyncio.sleep(owed)
        except asyncio.CancelledError as cancelled:
            self._owed = 0.0
            return min(share, (time.monotonic() - started) / owed), cancelled
        # What the host overslept the chip has gained, within reason.
        self._owed = max(owed - (time.monotonic() - started), -5 * _SHORTEST_SLEEP)
        return share, cut

    def _check_range(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise FlashError(f"{length} bytes at {offset} lie outside the chip's {self.size}")


@dataclass(frozen=True, slots=True)
class FlashArea:
    """A part of the chip, addressed from 0."""

    flash: NorFlash
    offset: int
    size: int

    @property
    def page_size(self) -> int:
        """Bytes a page."""
        return self.flash.page_size

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes. Raises FlashError outside the area."""
        self._check(offset, length)
        return self.flash.read(self.offset + offset, length)

    async def erase(self, offset: int, length: int) -> None:
        """Erase whole pages. Raises as NorFlash.erase does."""
        self._check(offset, length)
        await self.flash.erase(self.offset + offset, length)

    async def write(self, offset: int, data: bytes) -> None:
        """Clear bits. Raises as NorFlash.write does."""
        self._check(offset, len(data))
        await self.flash.write(self.offset + offset, data)

    def _check(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise FlashError(f"{length} bytes at {offset} lie outside the area's {self.size}")
