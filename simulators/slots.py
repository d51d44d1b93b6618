"""What a running application does with its image slots: tells of them, marks, confirms, takes an upload.

Rules and error numbers follow Zephyr's image management group (`doc/services/device_mgmt/smp_groups/smp_group_1.rst`
and `img_mgmt_state.c`), and know nothing of the transport.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum

from simulators.boot import BootLoader, Swap
from simulators.flash import FlashArea, FlashError
from simulators.image import HEADER, HEADER_MAGIC, find_image


class ImageError(IntEnum):
    """Zephyr's `img_mgmt_err_code_t`, as far as it is used here."""

    HASH_NOT_FOUND = 8
    NO_FREE_SLOT = 9
    FLASH_WRITE_FAILED = 12
    FLASH_ERASE_FAILED = 13
    INVALID_SLOT = 14
    INVALID_OFFSET = 20
    INVALID_LENGTH = 21
    INVALID_IMAGE_HEADER = 22
    INVALID_IMAGE_HEADER_MAGIC = 23
    INVALID_HASH = 24
    CURRENT_VERSION_IS_NEWER = 27
    IMAGE_ALREADY_PENDING = 28
    INVALID_IMAGE_TOO_LARGE = 30
    INVALID_IMAGE_DATA_OVERRUN = 31
    IMAGE_SETTING_TEST_TO_ACTIVE_DENIED = 33


class ImageRefused(Exception):
    """The application will not do that with its images."""

    def __init__(self, code: ImageError) -> None:
        super().__init__(code.name)
        self.code = code


@contextmanager
def _flash_faults_refused() -> Iterator[None]:
    try:
        yield
    except FlashError as error:
        raise ImageRefused(ImageError.FLASH_WRITE_FAILED) from error


@dataclass(frozen=True, slots=True)
class SlotReport:
    """One slot, as the application tells of it."""

    slot: int
    version: str
    image_hash: bytes
    bootable: bool
    pending: bool
    confirmed: bool
    active: bool
    permanent: bool


class ImageSlots:
    """The two slots seen from the application that runs in the first."""

    def __init__(self, boot_loader: BootLoader) -> None:
        self._boot_loader = boot_loader
        self._areas = (boot_loader.layout.primary, boot_loader.layout.secondary)

    def report(self) -> list[SlotReport]:
        """Tell of each slot that holds an image."""
        swap = self._boot_loader.next_swap()
        slots = []
        for number, area in enumerate(self._areas):
            image = find_image(area)
            if image is None:
                continue
            active = number == 0
            # Before a revert it is the other slot's image that counts as confirmed.
            slots.append(
                SlotReport(
                    slot=number,
                    version=image.version_text,
                    image_hash=image.image_hash,
                    bootable=image.bootable,
                    pending=not active and swap in {Swap.TEST, Swap.PERMANENT},
                    confirmed=active != (swap is Swap.REVERT),
                    active=active,
                    permanent=not active and swap is Swap.PERMANENT,
                )
            )
        return slots

    def is_running(self, image_hash: bytes) -> bool:
        """Whether the running image has this hash."""
        running = find_image(self._areas[0])
        return running is not None and running.image_hash == image_hash

    async def confirm(self) -> None:
        """Keep the running image. Raises ImageRefused, while another is marked for the next boot."""
        if self._boot_loader.next_swap() in {Swap.TEST, Swap.PERMANENT}:
            raise ImageRefused(ImageError.IMAGE_ALREADY_PENDING)
        if self._boot_loader.next_swap() is Swap.REVERT:
            with _flash_faults_refused():
                await self._boot_loader.primary.set_image_ok()

    async def mark(self, image_hash: bytes, *, permanent: bool) -> None:
        """Ask for the image with this hash to be run by the next boot. Raises ImageRefused."""
        if len(image_hash) != 32:
            raise ImageRefused(ImageError.INVALID_HASH)
        if self.is_running(image_hash):
            raise ImageRefused(ImageError.IMAGE_SETTING_TEST_TO_ACTIVE_DENIED)
        image = find_image(self._areas[1])
        if image is None or image.image_hash != image_hash:
            raise ImageRefused(ImageError.HASH_NOT_FOUND)
        if self._boot_loader.next_swap() is Swap.REVERT:
            raise ImageRefused(ImageError.IMAGE_ALREADY_PENDING)
        with _flash_faults_refused():
            await self._boot_loader.secondary.arm(permanent=permanent)

    async def erase(self, slot: int) -> None:
        """Erase the second slot. Raises ImageRefused while a boot would still need it, and for any other slot."""
        if slot != 1:
            raise ImageRefused(
                ImageError.INVALID_SLOT if slot else ImageError.NO_FREE_SLOT
            )  # the first one runs
        try:
            await self.writable_area().erase(0, self._areas[1].size)
        except FlashError as error:
            raise ImageRefused(ImageError.FLASH_ERASE_FAILED) from error

    def writable_area(self) -> FlashArea:
        """Return the second slot. Raises ImageRefused while a boot would still need it."""
        if self._boot_loader.next_swap() is not Swap.NONE:
            raise ImageRefused(ImageError.NO_FREE_SLOT)
        return self._areas[1]

    def running_version(self) -> tuple[int, int, int, int] | None:
        """The version of the image in the running slot."""
        image = find_image(self._areas[0])
        return None if image is None else image.version


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of an upload, as sent. Only the first piece carries `length`, `sha` and `upgrade`."""

    offset: int
    data: bytes
    length: int | None = None
    sha: bytes = b""
    upgrade: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a piece: where the next one has to begin and, after the last, whether the SHA-256 holds."""

    offset: int
    matches: bool | None = None


class Upload:
    """An upload in progress. Lives in RAM: a boot forgets it."""

    def __init__(
        self,
        find_area: Callable[[], FlashArea],
        room: int,
        running_version: Callable[[], tuple[int, int, int, int] | None],
    ) -> None:
        self._find_area = find_area
        self._room = room
        self._running_version = running_version
        self._area: FlashArea | None = None
        self._offset = 0
        self._length = 0
        self._sha = b""

    async def take(self, chunk: Chunk) -> Taken:
        """Write the piece if it is the expected one. Raises ImageRefused.

        A first piece that announces the running upload's SHA-256 continues it. After the last piece the upload
        is closed, so that a repeated last piece is told to begin at 0.
        """
        if chunk.offset == 0 and not (self._area and chunk.sha and chunk.sha == self._sha):
            await self._begin(chunk)
        if self._area is None or chunk.offset != self._offset:
            return Taken(self._offset)
        end = self._offset + len(chunk.data)
        if end > self._length:
            self._forget()
            raise ImageRefused(ImageError.INVALID_IMAGE_DATA_OVERRUN)
        try:
            await self._area.write(self._offset, chunk.data)
        except FlashError as error:
            self._forget()
            raise ImageRefused(ImageError.FLASH_WRITE_FAILED) from error
        self._offset = end
        if end < self._length:
            return Taken(end)
        digest = hashlib.sha256(self._area.read(0, end)).digest()
        matches = digest == self._sha if self._sha else None
        self._forget()
        return Taken(end, matches)

    async def _begin(self, chunk: Chunk) -> None:
        self._forget()
        if chunk.length is None:
            raise ImageRefused(ImageError.INVALID_LENGTH)
        if len(chunk.data) < HEADER.size:
            raise ImageRefused(ImageError.INVALID_IMAGE_HEADER)
        magic, _, _, _, _, _, *version, _ = HEADER.unpack_from(chunk.data)
        if magic != HEADER_MAGIC:
            raise ImageRefused(ImageError.INVALID_IMAGE_HEADER_MAGIC)
        if len(chunk.sha) > 32:
            raise ImageRefused(ImageError.INVALID_HASH)
        if chunk.length > self._room:
            raise ImageRefused(ImageError.INVALID_IMAGE_TOO_LARGE)
        running = self._running_version()
        if chunk.upgrade and running is not None and tuple(version[:3]) <= running[:3]:
            raise ImageRefused(ImageError.CURRENT_VERSION_IS_NEWER)
        area = self._find_area()
        pages = -(-chunk.length // area.page_size)
        try:
            await area.erase(area.size - area.page_size, area.page_size)
            await area.erase(0, pages * area.page_size)
        except FlashError as error:
            raise ImageRefused(ImageError.FLASH_ERASE_FAILED) from error
        self._area, self._length, self._sha = area, chunk.length, chunk.sha

    def _forget(self) -> None:
        self._area = None
        self._offset = self._length = 0
        self._sha = b""
