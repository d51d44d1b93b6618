"""What a DFU download does inside the hub: pages erased as they are entered, blocks written, the image judged."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from simulators.flash import FlashArea, FlashError
from simulators.hub import Hub
from simulators.image import HEADER_MAGIC, find_image, is_genuine
from simulators.slots import ImageRefused


class DfuStatus(IntEnum):
    """`bStatus` of DFU 1.1, 6.1.2."""

    OK = 0x00
    TARGET = 0x01
    FILE = 0x02
    WRITE = 0x03
    ERASE = 0x04
    VERIFY = 0x07
    ADDRESS = 0x08
    NOT_DONE = 0x09
    FIRMWARE = 0x0A
    VENDOR = 0x0B
    UNKNOWN = 0x0E
    STALLED_PACKET = 0x0F


class DownloadRefused(Exception):
    """The block or the image cannot be taken."""

    def __init__(self, status: DfuStatus) -> None:
        super().__init__(status.name)
        self.status = status


_MAGIC: Final = HEADER_MAGIC.to_bytes(4, "little")


class Download:
    """One download, from its first block to its manifestation."""

    def __init__(self, hub: Hub, find_area: Callable[[], FlashArea]) -> None:
        self._hub = hub
        self._find_area = find_area
        self._area: FlashArea | None = None
        self._erased = 0
        self.received = 0
        """Bytes written."""

    def seconds(self, size: int) -> float:
        """Return how long the flash will take over the next `size` bytes."""
        timing = self._hub.build.flash_timing
        page_size = self._hub.build.page_size
        pages = -(-(self.received + size) // page_size) - self._erased // page_size
        if self.received == 0:
            pages += 1  # the trailer's
        return pages * timing.erase_page + size * timing.write_byte

    async def take(self, data: bytes) -> None:
        """Write the next block. Raises DownloadRefused; the download is over then."""
        area = self._area or await self._begin(data)
        end = self.received + len(data)
        if end > self._hub.layout.image_room:
            raise DownloadRefused(DfuStatus.ADDRESS)
        pages_end = -(-end // area.page_size) * area.page_size
        if pages_end > self._erased:
            await _erase(area, self._erased, pages_end - self._erased)
            self._erased = pages_end
        try:
            await area.write(self.received, data)
        except FlashError as error:
            raise DownloadRefused(DfuStatus.WRITE) from error
        self.received = end

    def judge(self) -> bytes:
        """Return the MCUboot hash of the whole, genuine image that was downloaded. Raises DownloadRefused."""
        image = None if self._area is None else find_image(self._area)
        if self._area is None or image is None or image.size > self.received:
            raise DownloadRefused(DfuStatus.NOT_DONE)
        if not is_genuine(self._area, image, self._hub.build.maker):
            raise DownloadRefused(DfuStatus.FILE)
        plate = self._hub.nameplate
        if image.manufacturer not in {None, plate.manufacturer} or image.model not in {None, plate.model}:
            raise DownloadRefused(DfuStatus.TARGET)
        return image.image_hash

    async def _begin(self, data: bytes) -> FlashArea:
        if not data.startswith(_MAGIC):
            raise DownloadRefused(DfuStatus.FILE)
        try:
            area = self._find_area()
        except ImageRefused as error:
            raise DownloadRefused(DfuStatus.WRITE) from error
        await _erase(area, area.size - area.page_size, area.page_size)
        self._area = area
        return area


async def _erase(area: FlashArea, offset: int, length: int) -> None:
    try:
        await area.erase(offset, length)
    except FlashError as error:
        raise DownloadRefused(DfuStatus.ERASE) from error
