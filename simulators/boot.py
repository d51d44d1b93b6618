"""A boot loader over two image slots, after MCUboot's design: validate, swap for a test, revert, keep.

The trailer at the end of each slot has MCUboot's layout for a maximum alignment of 8 (`docs/design.md`, "Image
trailer"), so imgtool's padded and confirmed images mean here what they mean to MCUboot. The swap log before it
is our own: one byte a step, three steps a page, each step safe to repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from simulators.flash import FlashArea, NorFlash
from simulators.image import StoredImage, find_image, is_genuine

TRAILER_MAGIC: Final = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")
_MAGIC_OFFSET: Final = 16
_IMAGE_OK_OFFSET: Final = 24
_COPY_DONE_OFFSET: Final = 32
_SWAP_INFO_OFFSET: Final = 40
_SWAP_SIZE_OFFSET: Final = 48
_SET: Final = 0x01
_STEPS_A_PAGE: Final = 3


class LayoutError(Exception):
    """A chip cannot be divided into two slots. One line."""


class Swap(IntEnum):
    """What the next boot does with the slots; MCUboot's numbers."""

    NONE = 1
    TEST = 2
    PERMANENT = 3
    REVERT = 4


class Trailer:
    """The last page of a slot: what is asked of the boot loader and how far it is."""

    def __init__(self, area: FlashArea) -> None:
        self._area = area
        self._page = area.size - area.page_size

    @property
    def is_armed(self) -> bool:
        """The magic is whole: the other fields mean something."""
        return self._area.read(self._area.size - _MAGIC_OFFSET, 16) == TRAILER_MAGIC

    @property
    def image_ok(self) -> bool:
        """The slot's image is confirmed, or to be when it is swapped in."""
        return self._flag(_IMAGE_OK_OFFSET) == _SET

    @property
    def copy_done(self) -> bool:
        """The swap that this trailer describes is complete."""
        return self._flag(_COPY_DONE_OFFSET) == _SET

    @property
    def swap(self) -> Swap:
        """Which swap this trailer describes; NONE where there was none."""
        value = self._flag(_SWAP_INFO_OFFSET)
        return Swap(value) if value in set(Swap) else Swap.NONE

    @property
    def swap_size(self) -> int:
        """How many bytes from the slot's start the swap exchanges."""
        return int.from_bytes(self._area.read(self._area.size - _SWAP_SIZE_OFFSET, 4), "little")

    def step_done(self, step: int) -> bool:
        """Whether the swap log has this step."""
        return self._area.read(self._page + step, 1)[0] == _SET

    async def erase(self) -> None:
        """Forget everything asked and done."""
        await self._area.erase(self._page, self._area.page_size)

    async def arm(self, *, permanent: bool) -> None:
        """Ask for this slot's image to be swapped in at the next boot."""
        await self.erase()
        if permanent:
            await self.set_image_ok()
        await self._area.write(self._area.size - _MAGIC_OFFSET, TRAILER_MAGIC)

    async def begin_swap(self, swap: Swap, size: int) -> None:
        """Start a log. The magic comes last, so that a half-written start counts as none."""
        await self.erase()
        await self._area.write(self._area.size - _SWAP_SIZE_OFFSET, size.to_bytes(4, "little"))
        await self._area.write(self._area.size - _SWAP_INFO_OFFSET, bytes([swap]))
        await self._area.write(self._area.size - _MAGIC_OFFSET, TRAILER_MAGIC)

    async def log_step(self, step: int) -> None:
        """Note a step of the swap as done."""
        await self._area.write(self._page + step, bytes([_SET]))

    async def set_image_ok(self) -> None:
        """Confirm."""
        await self._area.write(self._area.size - _IMAGE_OK_OFFSET, bytes([_SET]))

    async def set_copy_done(self) -> None:
        """Close the swap."""
        await self._area.write(self._area.size - _COPY_DONE_OFFSET, bytes([_SET]))

    def _flag(self, offset: int) -> int:
        return self._area.read(self._area.size - offset, 1)[0]


@dataclass(frozen=True, slots=True)
class FlashLayout:
    """Where the slots and the scratch page lie on the chip."""

    primary: FlashArea
    secondary: FlashArea
    scratch: FlashArea

    @classmethod
    def of(cls, flash: NorFlash) -> FlashLayout:
        """Divide a chip of 2n + 1 pages. Raises LayoutError when the swap log would not fit its page."""
        slot_pages = (flash.size // flash.page_size - 1) // 2
        if slot_pages < 2 or (slot_pages - 1) * _STEPS_A_PAGE > flash.page_size - _SWAP_SIZE_OFFSET:
            raise LayoutError(
                f"a slot of {slot_pages} pages of {flash.page_size} bytes has no room for its swap log"
            )
        size = slot_pages * flash.page_size
        return cls(
            primary=FlashArea(flash, 0, size),
            secondary=FlashArea(flash, size, size),
            scratch=FlashArea(flash, 2 * size, flash.page_size),
        )

    @property
    def image_room(self) -> int:
        """Bytes of a slot that an image may take: all but the trailer's page."""
        return self.primary.size - self.primary.page_size


class BootLoader:
    """Decides at each boot what runs, and never leaves the hub without something that can run.

    Power may go at any point; the next `boot` takes the work up where the flash says it stands.
    """

    def __init__(self, layout: FlashLayout, maker: ec.EllipticCurvePublicKey) -> None:
        self.layout = layout
        self.primary = Trailer(layout.primary)
        self.secondary = Trailer(layout.secondary)
        self._maker = maker

    def next_swap(self) -> Swap:
        """What the next boot would do. MCUboot's swap tables, first match."""
        if self._is_swapping():
            return self.primary.swap
        if self.secondary.is_armed:
            return Swap.PERMANENT if self.secondary.image_ok else Swap.TEST
        if self.primary.is_armed and self.primary.copy_done and not self.primary.image_ok:
            return Swap.REVERT
        return Swap.NONE

    async def boot(self) -> StoredImage | None:
        """Return the image to run, or None when nothing is bootable."""
        if self._is_swapping():
            await self._run_swap()
        else:
            match self.next_swap():
                case Swap.NONE:
                    pass
                case swap if self._find_bootable(self.layout.secondary):
                    await self._start_swap(swap)
                case _:
                    await self._give_up_secondary()
        return self._find_bootable(self.layout.primary)

    async def is_bootable(self) -> bool:
        """Whether a boot would end in an application. A boot with work to do is tried out on a copy of the chip."""
        if self.next_swap() is Swap.NONE:
            return self._find_bootable(self.layout.primary) is not None
        rehearsal = BootLoader(FlashLayout.of(self.layout.primary.flash.copy()), self._maker)
        return await rehearsal.boot() is not None

    def _find_bootable(self, area: FlashArea) -> StoredImage | None:
        image = find_image(area)
        if image is None or not image.bootable or image.size > self.layout.image_room:
            return None
        return image if is_genuine(area, image, self._maker) else None

    def _is_swapping(self) -> bool:
        return self.primary.is_armed and self.primary.swap is not Swap.NONE and not self.primary.copy_done

    async def _start_swap(self, swap: Swap) -> None:
        if swap is Swap.REVERT:
            # What asks for a revert stands in the trailer that is erased next: ask in the other one first.
            await self.secondary.arm(permanent=True)
        page_size = self.layout.primary.page_size
        images = (find_image(self.layout.primary), find_image(self.layout.secondary))
        size = max((image.size for image in images if image is not None), default=0)
        size = min(-(-size // page_size) * page_size, self.layout.image_room)
        await self.primary.begin_swap(swap, size)
        await self._run_swap()

    async def _run_swap(self) -> None:
        primary, secondary, scratch = self.layout.primary, self.layout.secondary, self.layout.scratch
        page_size = primary.page_size
        for page in range(self.primary.swap_size // page_size):
            offset = page * page_size
            await self._step(page * 3, secondary, offset, scratch, 0)
            await self._step(page * 3 + 1, primary, offset, secondary, offset)
            await self._step(page * 3 + 2, scratch, 0, primary, offset)
        if self.primary.swap is not Swap.TEST:
            await self.primary.set_image_ok()
        await self.secondary.erase()
        await self.primary.set_copy_done()

    async def _step(self, step: int, source: FlashArea, start: int, target: FlashArea, end: int) -> None:
        if self.primary.step_done(step):
            return
        page = source.read(start, source.page_size)
        await target.erase(end, target.page_size)
        await target.write(end, page)
        await self.primary.log_step(step)

    async def _give_up_secondary(self) -> None:
        """Nothing genuine to swap in: erase it, and keep what runs without asking again."""
        await self.primary.set_image_ok()
        await self.layout.secondary.erase(0, self.layout.secondary.size)
