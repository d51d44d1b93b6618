from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imgtool.image import Image
from imgtool.version import decode_version

from benches.sim_bench import NEW, OLD, image, maker, tlv_hash
from simulators.boot import BootLoader, FlashLayout, LayoutError, Swap
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.flash import FlashTiming, Interruption, NorFlash, Operation, PowerLost
from simulators.image import find_image
from simulators.keys import generate_key

PAGES = 5


class Bench:
    """A chip whose power can be made to fail at the n-th operation from now."""

    def __init__(self, primary: bytes | None = None, secondary: bytes | None = None) -> None:
        self.operations = 0
        self.fail_at: int | None = None
        self.share = 0.5
        self.flash = NorFlash(2 * PAGES + 1, timing=FlashTiming(0.0, 0.0), on_operation=self._count)
        self.loader = BootLoader(FlashLayout.of(self.flash), maker().public_key())
        self.flash.program(0, image(OLD) if primary is None else primary)
        self.flash.program(PAGES * 4096, image(NEW) if secondary is None else secondary)

    def _count(self, _: Operation) -> Interruption | None:
        self.operations += 1
        if self.operations == self.fail_at:
            return Interruption(self.share)
        return None

    def hash_in(self, slot: int) -> bytes | None:
        layout = self.loader.layout
        found = find_image((layout.primary, layout.secondary)[slot])
        return None if found is None else found.image_hash

    async def boot(self) -> str | None:
        found = await self.loader.boot()
        return None if found is None else found.version_text

    async def boot_until_through(self) -> str | None:
        """Boot as often as the power fails."""
        while True:
            with contextlib.suppress(PowerLost):
                return await self.boot()


async def test_an_unmarked_image_is_left_where_it_is() -> None:
    bench = Bench()
    assert await bench.boot() == OLD
    assert bench.operations == 0


async def test_a_test_image_runs_once_and_reverts_unless_confirmed() -> None:
    bench = Bench()
    await bench.loader.secondary.arm(permanent=False)
    assert bench.loader.next_swap() is Swap.TEST
    assert await bench.boot() == NEW
    assert bench.hash_in(1) == tlv_hash(image(OLD))
    assert bench.loader.next_swap() is Swap.REVERT
    assert await bench.boot() == OLD
    assert bench.hash_in(1) == tlv_hash(image(NEW))
    assert bench.loader.next_swap() is Swap.NONE
    assert await bench.boot() == OLD


async def test_a_confirmed_image_stays() -> None:
    bench = Bench()
    await bench.loader.secondary.arm(permanent=False)
    await bench.boot()
    await bench.loader.primary.set_image_ok()
    assert bench.loader.next_swap() is Swap.NONE
    assert await bench.boot() == NEW


async def test_a_permanent_image_needs_no_confirmation() -> None:
    bench = Bench()
    await bench.loader.secondary.arm(permanent=True)
    assert bench.loader.next_swap() is Swap.PERMANENT
    assert await bench.boot() == NEW
    assert bench.loader.next_swap() is Swap.NONE


async def test_a_swap_keeps_every_byte_of_both_images() -> None:
    long = image("1.0.1", size=11_000)
    bench = Bench(primary=long)
    await bench.loader.secondary.arm(permanent=False)
    await bench.boot()
    layout = bench.loader.layout
    assert layout.primary.read(0, len(image(NEW))) == image(NEW)
    assert layout.secondary.read(0, len(long)) == long


def broken_images() -> list[bytes]:
    damaged = bytearray(image(NEW))
    damaged[2000] ^= 1
    foreign = make_firmware(FirmwareSpec(NEW, None, None, 6000), generate_key())
    return [bytes(damaged), foreign, image(NEW)[:-30], b"\xff" * 4096, bytes(4096)]


@pytest.mark.parametrize("secondary", broken_images())
async def test_an_image_that_is_not_the_makers_is_discarded(secondary: bytes) -> None:
    bench = Bench(secondary=secondary)
    await bench.loader.secondary.arm(permanent=False)
    assert await bench.loader.is_bootable()
    assert await bench.boot() == OLD
    assert bench.hash_in(1) is None
    assert await bench.boot() == OLD


async def test_a_lost_way_back_leaves_the_test_image_running() -> None:
    bench = Bench()
    await bench.loader.secondary.arm(permanent=False)
    await bench.boot()
    await bench.loader.layout.secondary.erase(0, 4096)
    assert await bench.boot() == NEW
    assert bench.loader.next_swap() is Swap.NONE


@pytest.mark.parametrize("primary", broken_images())
async def test_nothing_bootable_is_said_so(primary: bytes) -> None:
    bench = Bench(primary=primary)
    assert not await bench.loader.is_bootable()
    assert await bench.boot() is None


def padded(tmp_path: Path, *, confirm: bool) -> bytes:
    """An image padded to its slot by imgtool, trailer and all."""
    unpadded = image(NEW)
    tool = Image(
        version=decode_version(NEW), pad=True, confirm=confirm, test=not confirm, slot_size=PAGES * 4096
    )
    tool.payload = bytearray(unpadded)
    tool.save(str(tmp_path / "padded.bin"))
    return (tmp_path / "padded.bin").read_bytes()


@pytest.mark.parametrize(("confirm", "expected"), [(True, Swap.PERMANENT), (False, Swap.TEST)])
async def test_imgtools_trailer_asks_for_what_imgtool_means(
    tmp_path: Path, confirm: bool, expected: Swap
) -> None:
    bench = Bench(secondary=padded(tmp_path, confirm=confirm))
    assert bench.loader.next_swap() is expected
    assert await bench.boot() == NEW


async def test_our_trailer_has_the_bytes_of_imgtools(tmp_path: Path) -> None:
    for confirm in (True, False):
        bench = Bench()
        await bench.loader.secondary.arm(permanent=confirm)
        assert (
            bench.loader.layout.secondary.read(PAGES * 4096 - 48, 48)
            == padded(tmp_path, confirm=confirm)[-48:]
        )


async def _operations(*, revert: bool) -> int:
    bench = await _ready(revert=revert)
    before = bench.operations
    await bench.boot()
    return bench.operations - before


async def _ready(*, revert: bool) -> Bench:
    bench = Bench()
    await bench.loader.secondary.arm(permanent=False)
    if revert:
        await bench.boot()
    return bench


@pytest.mark.parametrize("revert", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
async def test_power_loss_at_every_point_of_a_swap_changes_nothing_but_the_time(
    revert: bool, share: float
) -> None:
    for point in range(1, await _operations(revert=revert) + 1):
        bench = await _ready(revert=revert)
        bench.share, bench.fail_at = share, bench.operations + point
        with pytest.raises(PowerLost):
            await bench.boot()
        assert await bench.loader.is_bootable(), point
        assert await bench.boot_until_through() == (OLD if revert else NEW), point
        assert bench.hash_in(1) == tlv_hash(image(NEW if revert else OLD)), point
        # An interrupted test is still a test: unconfirmed, it goes back.
        assert bench.loader.next_swap() is (Swap.NONE if revert else Swap.REVERT), point


@given(st.integers(0, 2**32), st.lists(st.integers(1, 30), max_size=12))
def test_power_loss_again_and_again_leaves_a_bootable_hub(seed: int, failures: list[int]) -> None:
    async def run() -> None:
        source = random.Random(seed)
        bench = Bench()
        await bench.loader.secondary.arm(permanent=False)
        running: str | None = None
        for distance in failures:
            bench.share, bench.fail_at = source.random(), bench.operations + distance
            with contextlib.suppress(PowerLost):
                running = await bench.boot()
                if running == NEW and source.random() < 0.3:
                    await bench.loader.primary.set_image_ok()
            assert await bench.loader.is_bootable()
        bench.fail_at = None
        assert await bench.boot() in {OLD, NEW}
        assert {bench.hash_in(0), bench.hash_in(1)} == {tlv_hash(image(OLD)), tlv_hash(image(NEW))}

    asyncio.run(run())


def test_a_chip_too_small_or_too_large_for_its_swap_log_is_refused() -> None:
    with pytest.raises(LayoutError, match="no room for its swap log"):
        FlashLayout.of(NorFlash(3))
    with pytest.raises(LayoutError, match="no room for its swap log"):
        FlashLayout.of(NorFlash(2 * 80 + 1, page_size=256))
